"""A Celery worker that answers as a hub would, for the client's tests: no database, no rules.

It serves the queues `consent` and `jobs`. Messages on `bulk` are never answered.
"""

import json
import os
from typing import Any

from celery import Celery
from celery.backends.redis import RedisBackend

PREFIX = os.environ["TOY_PREFIX"]

app = Celery("toy", broker=os.environ["TOY_REDIS_URL"], backend=os.environ["TOY_REDIS_URL"])
app.conf.update(
    broker_transport_options={"global_keyprefix": PREFIX, "visibility_timeout": 30},
    result_backend_transport_options={"global_keyprefix": PREFIX, "visibility_timeout": 30},
    task_default_queue="jobs",
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)

KNOWN_RESIDENT = "r-known"


def _receipt(kind: str, raw: str, **changes: object) -> dict[str, Any]:
    job = json.loads(raw)
    plain = {"job_id": job["job_id"], "kind": kind, "outcome": "applied", "code": None, "field": None, "version": 1}
    return plain | {"rows": None} | changes


@app.task(name="consent.decide")  # type: ignore[untyped-decorator]
def decide_consent(raw: str, _signature: str | None = None) -> dict[str, Any]:
    return _receipt("consent.decide", raw)


@app.task(name="permit.change_vehicle")  # type: ignore[untyped-decorator]
def change_vehicle(raw: str) -> dict[str, Any]:
    refusal = {"outcome": "refused", "code": "too_long", "field": "plate.raw", "version": None}
    return _receipt("permit.change_vehicle", raw, **refusal)


@app.task(name="permit.request")  # type: ignore[untyped-decorator]
def request_permit(raw: str) -> dict[str, Any]:
    row = {"permit_id": json.loads(raw)["permit_id"], "outcome": "refused", "code": "permit_exists", "field": None}
    return _receipt("permit.request", raw, rows=[row])


@app.task(name="permit.cancel")  # type: ignore[untyped-decorator]
def cancel_permit(raw: str) -> None:
    raise RuntimeError


def _show(key: str, document: dict[str, Any]) -> None:
    backend = app.backend
    assert isinstance(backend, RedisBackend)
    backend.client.set(PREFIX + key, json.dumps(document), ex=30)


def _made(resident_id: str, key: str) -> dict[str, Any] | None:
    if resident_id == "r-refused":
        return {"outcome": "refused", "code": "resident_not_allowed"}
    if resident_id == "r-lost":
        return {"version": 1}
    if resident_id != KNOWN_RESIDENT:
        return None
    _show(key, {"resident_id": resident_id, "version": 3})
    return {"version": 3}


@app.task(name="space.publish")  # type: ignore[untyped-decorator]
def publish_space(resident_id: str) -> dict[str, Any] | None:
    return _made(resident_id, f"space:{resident_id}")


@app.task(name="space.history", bind=True)  # type: ignore[untyped-decorator]
def make_history(self: Any, resident_id: str) -> dict[str, Any] | None:
    return _made(resident_id, f"history:{self.request.id}")


@app.task(name="space.plate", bind=True)  # type: ignore[untyped-decorator]
def read_plate(self: Any, typed: str) -> bool:
    _show(f"plate:{self.request.id}", {"plate": json.loads(typed)["raw"].upper(), "country": "DE", "unusual": True})
    return True


@app.task(name="space.catalogue")  # type: ignore[untyped-decorator]
def make_catalogue() -> bool:
    _show("catalogue", {"address_change_cents": 1000})
    return True
