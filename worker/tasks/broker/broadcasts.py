"""How a worker's channel hears broadcasts: only commands rebuilt from a white list reach kombu."""

from contextlib import suppress
from functools import cached_property
from queue import Empty
from typing import Any

import structlog
from kombu.transport import redis as kombu_redis

from schemas.receipts import RefusalCode
from worker.tasks.broker.remote_control import Allowance, rebuild

BROADCAST = "broadcast"
MAX_A_TURN = 500  # of the worker's loop, which also takes jobs
READ_AT_ONCE, READ_PER_SECOND = 200, 50.0  # Flower sends eight for each page of a worker
REFUSED_AT_ONCE, REFUSED_PER_SECOND = 100, 1.0  # each refusal is recorded

log = structlog.get_logger()


class ListeningChannel(kombu_redis.Channel):
    """A channel to Redis that reads a bounded number of broadcasts and passes on rebuilt commands only."""

    @cached_property
    def _to_read(self) -> Allowance:
        return Allowance(READ_AT_ONCE, READ_PER_SECOND)

    @cached_property
    def _to_refuse(self) -> Allowance:
        return Allowance(REFUSED_AT_ONCE, REFUSED_PER_SECOND)

    def _receive(self: Any) -> bool:
        """Read what has arrived, as kombu does, up to a bound; then drop the others and subscribe again."""
        connection = self.subclient.connection
        for _ in range(MAX_A_TURN):
            if not connection.can_read(timeout=0):  # to read then would stop the loop
                return True
            with suppress(Empty):
                self._receive_one(self.subclient)
        log.warning("broadcast.flood", read=MAX_A_TURN)
        self._in_listen = None
        connection.disconnect()  # drops all that waits there; kombu subscribes again at its next turn
        return True

    def _handle_message(self: Any, client: Any, response: Any) -> dict[str, Any]:
        """Replace a broadcast by its rebuilt command, or by None."""
        payload: dict[str, Any] = super()._handle_message(client, response)  # type: ignore[no-untyped-call]
        data = payload["data"]
        if isinstance(data, bytes):
            payload["data"] = self._command(data)
        return payload

    def _command(self: Any, data: bytes) -> bytes | None:
        if not self._to_read.take():
            return None
        command = rebuild(data)
        if command is None and self._to_refuse.take():
            self.refuse(data, BROADCAST)
        return command

    def refuse(self: Any, item: bytes, queue: str) -> None:
        """Record a malformed item."""
        if self.connection.gate is not None:
            self.connection.gate.refuse(item, queue, RefusalCode.MALFORMED_MESSAGE)
