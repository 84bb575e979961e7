"""A worker with tasks for the tests, started as `celery -A probe worker` with this folder on the path."""

import os
import signal
import time
from typing import Any

import redis
from celery import Celery
from celery.exceptions import Ignore

import worker.log  # noqa: F401 - answers Celery's signal to set up logging
from worker.settings import settings

app = Celery("probe", task_cls="worker.tasks.process.base:HubTask")
app.config_from_object("celeryconfig")
app.conf.imports = tuple(name for name in app.conf.imports if name != "worker.tasks.jobs")  # `echo` stands in its place
app.conf.task_routes = {"probe.*": {"queue": "jobs"}} | app.conf.task_routes

store = redis.Redis.from_url(settings().redis_url, socket_timeout=None)
RUN = f"{settings().redis_prefix}run"


@app.task(name="permit.cancel", ignore_result=False)  # type: ignore[untyped-decorator]
def echo(job: str) -> int:
    """Return the length of the job, under the name of a real kind."""
    store.incr(RUN)
    return len(job)


@app.task(name="probe.pid", ignore_result=False)  # type: ignore[untyped-decorator]
def pid() -> int:
    return os.getpid()


@app.task(name="probe.hold", bind=True, ignore_result=False)  # type: ignore[untyped-decorator]
def hold(self: Any, job: str) -> str:
    """Run until the test releases it, and answer with the arguments."""
    store.lpush(f"{RUN}.held.{self.request.id}", 1)
    store.blpop(f"{RUN}.released.{self.request.id}", timeout=60)
    return job


@app.task(name="probe.put_back", bind=True, ignore_result=False)  # type: ignore[untyped-decorator]
def put_back(self: Any, job: str) -> str:
    """Go back on the queue once, under the same id."""
    if store.set(f"{RUN}.back.{self.request.id}", 1, nx=True):
        self.apply_async((job,), task_id=self.request.id, queue="jobs")
        raise Ignore
    return job


@app.task(name="probe.fail", ignore_result=False)  # type: ignore[untyped-decorator]
def fail(job: str) -> None:
    parsed = {"plate": job}
    try:
        parsed["missing"]
    except KeyError as error:
        raise ValueError(f"no such thing in {job}") from error


@app.task(name="probe.die")  # type: ignore[untyped-decorator]
def die(job: str) -> None:
    """Kill the process, as running out of memory would."""
    store.incr(RUN + ".died")
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(5)
