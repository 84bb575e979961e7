"""How a task's result reaches its sender: stored and announced in one exchange with Redis."""

from typing import Any

from celery import states
from celery.backends.redis import RedisBackend


class ReceiptBackend(RedisBackend):  # type: ignore[misc]
    """Celery's result backend without what a success need not wait for.

    Celery first reads what is stored, so that nothing replaces a success. Here only a success may: a job that is run
    again has the same receipt.
    """

    def _store_result(
        self, task_id: str, result: Any, state: str, traceback: Any = None, request: Any = None, **kwargs: Any
    ) -> Any:
        if state != states.SUCCESS:
            return super()._store_result(task_id, result, state, traceback, request, **kwargs)
        document = self._get_result_meta(result=result, state=state, traceback=traceback, request=request)
        self._set_with_state(self.get_key_for_task(task_id), self.encode(document | {"task_id": task_id}), state)
        return result

    def _set(self, key: str | bytes, value: str, expires: int | None = None) -> None:
        """Store and announce a result; a waiting client that misses the announcement reads the key."""
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.set(key, value, ex=expires or self.expires)
            pipeline.publish(key, value)
            pipeline.execute()
