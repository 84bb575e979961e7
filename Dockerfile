# Three images. docker-compose.yml runs the first two, compose.sandbox.yml the third beside them:
#   hub (the default)  every process of the hub, and its command line
#   personal-space     the residents' web app
#   stand-ins          what stands in for providers, MonParis and the payment service

FROM python:3.11-slim AS python
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app PATH=/opt/packages/bin:$PATH
WORKDIR /app


FROM python AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv --without-pip /opt/packages

FROM packages AS hub-packages
COPY requirements/runtime.txt requirements/
RUN pip --python /opt/packages install --no-cache-dir --require-hashes --requirement requirements/runtime.txt

FROM packages AS personal-space-packages
COPY requirements/personal_space.txt requirements/
RUN pip --python /opt/packages install --no-cache-dir --require-hashes --requirement requirements/personal_space.txt

FROM packages AS stand-ins-packages
COPY requirements/stack.txt requirements/
RUN pip --python /opt/packages install --no-cache-dir --require-hashes --requirement requirements/stack.txt


FROM python AS code
COPY celeryconfig.py ./
COPY schemas schemas
COPY integrations integrations
COPY worker worker
COPY ops ops
COPY upstream/client/permit_hub_client permit_hub_client

FROM code AS hub-code
RUN rm -r integrations/sandbox ops/commands/stack ops/demo ops/embedded ops/mailbox ops/shown/stack ops/stand_ins.py
RUN rm integrations/contracts.py integrations/documents.py

FROM python AS personal-space-code
COPY upstream/client/permit_hub_client permit_hub_client
COPY upstream/personal_space/personal_space personal_space
RUN rm -r personal_space/stand_ins


FROM python AS stand-ins
COPY --from=stand-ins-packages /opt/packages /opt/packages
COPY --from=code /app /app
COPY upstream/personal_space/personal_space personal_space
USER 10001:10001

FROM python AS personal-space
COPY --from=personal-space-packages /opt/packages /opt/packages
COPY --from=personal-space-code /app /app
USER 10001:10001

FROM python AS hub
RUN install --directory --owner=10001 --group=10001 --mode=700 /var/lib/permit-hub/journal
COPY --from=hub-packages /opt/packages /opt/packages
COPY --from=hub-code /app /app
USER 10001:10001
