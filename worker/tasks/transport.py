"""kombu's Redis transport with a gate: no message reaches Celery, or goes back to a queue, unchecked.

kombu parses what it popped and what it restores with no care for errors: one bad list item ends the consumer. Only a
worker's own consumer uses this transport; publishers, beat and Flower use the plain one.
"""

import json
from queue import Empty
from typing import Any, Protocol

from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.encoding import bytes_to_str

from schemas.receipts import RefusalCode

MAX_BROADCAST_BYTES = 65_536  # remote control: a command and its arguments
BROADCAST = "broadcast"
UNACKED = "unacked"


class Gate(Protocol):
    """What decides about messages, and what is told of those that were refused."""

    def admit(self, item: bytes, queue: str) -> dict[str, Any] | None:
        """Return the message to deliver, or None when it was refused and recorded."""

    def refuse(self, item: bytes, queue: str, code: RefusalCode) -> None:
        """Record something that cannot be a message at all."""


class GuardedQoS(kombu_redis.QoS):
    """Acknowledgements that survive whatever stands in the hash of unacknowledged messages."""

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back on its queue; one that cannot be read is dropped and recorded."""
        try:
            super().restore_by_tag(tag, client, leftmost)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            with self.channel.conn_or_acquire(client) as connection:
                raw = connection.hget(self.unacked_key, tag)
                self._remove_from_indices(tag).execute()  # type: ignore[no-untyped-call]
            self.channel.refuse(raw or b"", UNACKED)


class GuardedChannel(kombu_redis.Channel):
    """A channel to Redis that checks what it reads and what it puts back."""

    QoS = GuardedQoS
    _shared_client: Any = None

    def _create_client(self: Any, asynchronous: bool = False) -> Any:
        """Return one client for all: kombu makes a new one for each of the five commands that a task takes."""
        if asynchronous:
            return super()._create_client(asynchronous)  # type: ignore[no-untyped-call]
        if self._shared_client is None or self._shared_client.connection_pool is not self.pool:
            self._shared_client = super()._create_client()  # type: ignore[no-untyped-call]
        return self._shared_client

    def refuse(self: Any, item: bytes, queue: str) -> None:
        """Record what is no message."""
        gate: Gate | None = self.connection.gate
        if gate is not None:
            gate.refuse(item, queue, RefusalCode.MALFORMED_MESSAGE)

    def _brpop_read(self: Any, **options: Any) -> bool:
        """Read one item as kombu does, and let the gate parse it."""
        try:
            try:
                answer = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            if not answer:
                raise Empty
            key, item = answer
            queue = bytes_to_str(key).rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            gate: Gate | None = self.connection.gate
            if gate is None:
                raise RuntimeError("a guarded transport without its gate")
            message = gate.admit(item, queue)
            if message is not None:
                self.connection._deliver(message, queue)
            return True
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()

    def _do_restore_message(
        self: Any, payload: Any, _exchange: Any, _routing_key: Any, pipe: Any, leftmost: bool = False
    ) -> None:
        """Put back only what the gate let in, and count the processes that it has cost.

        Celery rejects towards the far end when the child that ran the task was lost; every other restore is a worker
        that was stopped.
        """
        queue = payload["properties"]["delivery_info"]["routing_key"]  # what is missing: see `restore_by_tag`
        if not isinstance(queue, str):
            raise TypeError
        if leftmost:
            payload["headers"]["lost_children"] = payload["headers"].get("lost_children", 0) + 1
        super()._do_restore_message(payload, "", queue, pipe, leftmost)  # type: ignore[no-untyped-call]

    def _handle_message(self: Any, client: Any, response: Any) -> dict[str, Any]:
        """Silence a broadcast that is no command: kombu would log it, or die of it."""
        payload: dict[str, Any] = super()._handle_message(client, response)  # type: ignore[no-untyped-call]
        data = payload["data"]
        if isinstance(data, bytes) and not _is_command(data):
            self.refuse(data, BROADCAST)
            payload["data"] = None
        return payload


class GuardedTransport(kombu_redis.Transport):
    """Redis behind a gate."""

    Channel = GuardedChannel
    gate: Gate | None = None


def _is_command(data: bytes) -> bool:
    """Tell whether a broadcast is a kombu message with a JSON object as its body."""
    if len(data) > MAX_BROADCAST_BYTES:
        return False
    try:
        raw = json.loads(data)
        message = virtual.Message(raw, channel=_Decoder())
        message.accept = {"application/json"}
        return isinstance(message.decode(), dict) and isinstance(message.headers, dict)
    except Exception:  # whatever kombu would raise over it in the consumer's loop, a stranger wrote it
        return False


class _Decoder:
    """As much of a channel as a message needs to read its body."""

    decode_body = virtual.Channel.decode_body
    codecs = virtual.Channel.codecs
