"""The Celery application."""

import billiard.pool
from celery import Celery

import worker.log  # noqa: F401 - answers Celery's signal to set up logging

app = Celery("permit-hub", task_cls="worker.tasks.base:HubTask")
app.config_from_object("celeryconfig")

# In tenths of a second, how long a child that ends waits until its last answer is read. Celery may have stopped
# reading by then: a worker that is ended in a burst of tasks would stand still for half a minute (the default, 300).
billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20
