"""The Celery application."""

import billiard.pool
from celery import Celery

import worker.log
import worker.tasks.process.start  # noqa: F401 - like the log, it handles a signal of Celery's

app = Celery("permit-hub", task_cls="worker.tasks.process.base:HubTask")
app.config_from_object("celeryconfig")

# In tenths of a second: how long a child that ends waits until its last answer is read. Celery may have stopped reading
# by that time, so a worker that ends in a burst of tasks would stand still for half a minute (the default, 300).
billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20
