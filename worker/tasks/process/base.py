"""The base class of the hub's tasks."""

from typing import Any

import structlog
from celery import Task
from celery.exceptions import Ignore, Reject

from worker.tasks.process.redaction import TaskFailedError, describe

log = structlog.get_logger()


class HubTask(Task):  # type: ignore[misc]
    """A task that takes scalars by position, shows none of them, and is never retried by the broker.

    Its parameters are annotated (`str`, `int | None`…): the guard refuses messages that do not fit.
    """

    abstract = True
    Request = "worker.tasks.process.redaction:HubRequest"
    max_retries = 0  # due times live in the database; the gate would refuse a retry through the broker
    default_retry_delay = 1  # if Celery retries all the same, without its three minutes of delay
    resultrepr_maxsize = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task; of an error, only its name gets out.

        Raises:
            TaskFailedError: the task raised; the original is logged without its text.
        """
        # Not super().__call__, which would hide the request behind an empty one.
        with structlog.contextvars.bound_contextvars(task=self.name, task_id=self.request.id):
            try:
                return self.run(*args, **kwargs)
            except (Ignore, Reject):
                raise
            except Exception as error:
                log.error("task.failed", error=describe(error), exc_info=error)
                failure = TaskFailedError(describe(error))
        raise failure  # outside of the handler, so that the original is not its context
