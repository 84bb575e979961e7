"""How a task's result reaches its sender: stored and announced in one exchange with Redis."""

from functools import cached_property
from typing import Any

from celery.backends.redis import RedisBackend
from celery.exceptions import BackendStoreError

# KEYS: the result. ARGV: a new one, and the seconds that it is kept. A success stands, and is announced again.
_STORE = """
local stored = redis.call('GET', KEYS[1])
local is_read, document = pcall(cjson.decode, stored or '')
if is_read and type(document) == 'table' and document['status'] == 'SUCCESS' then
    redis.call('PUBLISH', KEYS[1], stored)
    return
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('PUBLISH', KEYS[1], ARGV[1])
"""


class ReceiptBackend(RedisBackend):  # type: ignore[misc]
    """Celery's result backend, in one exchange where it takes two.

    Nothing replaces a success, as with Celery: a message that reuses a job's id is refused, and the receipt stands.
    """

    @cached_property
    def _store(self) -> Any:
        return self.client.register_script(_STORE)

    def _store_result(
        self, task_id: str, result: Any, state: str, traceback: Any = None, request: Any = None, **_: Any
    ) -> Any:
        document = self._get_result_meta(result=result, state=state, traceback=traceback, request=request)
        try:
            self._set_with_state(self.get_key_for_task(task_id), self.encode(document | {"task_id": task_id}), state)
        except BackendStoreError as error:
            raise BackendStoreError(str(error), state=state, task_id=task_id) from error
        return result

    def _set(self, key: str | bytes, value: str, expires: int | None = None) -> None:
        """Store and announce a result; a waiting client that misses the announcement reads the key."""
        self._store([key], [value, int(expires or self.expires)])
