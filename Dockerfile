# One image for every process of the hub; docker-compose.yml says which runs what.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app:/app/upstream/client:/app/upstream/personal_space PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY requirements/runtime.txt requirements/
RUN pip install --no-cache-dir --require-hashes --requirement requirements/runtime.txt

COPY celeryconfig.py ./
COPY schemas schemas
COPY integrations integrations
COPY upstream/client upstream/client
COPY upstream/personal_space upstream/personal_space
COPY worker worker
COPY ops ops

USER 10001:10001
