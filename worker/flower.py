"""The Celery application as Flower runs it: `celery --app=worker.flower flower`."""

from worker.app import app
from worker.tasks.broker.flower_transport import look_on

__all__ = ["app"]

look_on()
