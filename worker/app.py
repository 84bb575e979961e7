"""The Celery application."""

from celery import Celery

import worker.log  # noqa: F401 - answers Celery's signal to set up logging

app = Celery("permit-hub", task_cls="worker.tasks.base:HubTask")
app.config_from_object("celeryconfig")
