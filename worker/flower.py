"""The Celery application as Flower runs it: `celery --app=worker.flower flower`."""

from worker.app import app
from worker.tasks.broker.flower_transport import use_flower_transport

__all__ = ["app"]

use_flower_transport()
