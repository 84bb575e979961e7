"""kombu's Redis transport with a gate: no message reaches Celery, or goes back to a queue, unchecked.

kombu parses a popped item without catching errors: one bad item ends the consumer. It also pops a message before it
notes it as taken: a worker killed in between loses it. Here both are one step (`taken`), and waiting for a message
takes nothing (`waiting`). Only a worker's own consumer uses this transport; publishers and beat use the plain one,
Flower `flower_transport`.
"""

import json
from functools import cached_property
from queue import Empty
from time import time
from typing import Any, Protocol
from uuid import uuid4

import redis
import structlog
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from redis.exceptions import ResponseError

from schemas.receipts import RefusalCode
from worker.tasks.broker.broadcasts import ListeningChannel
from worker.tasks.broker.taken import Source, TakenMessages
from worker.tasks.broker.waiting import Wait, WaitingPoller

TAKEN = "taken"

log = structlog.get_logger()


class Gate(Protocol):
    """Decides about messages, and records refusals."""

    def admit(self, item: bytes, queue: str) -> dict[str, Any] | None:
        """Return the message to deliver, or None if it was refused and recorded."""

    def refuse(self, item: bytes, queue: str, code: RefusalCode) -> None:
        """Record an item that is no message."""


class GuardedQoS(kombu_redis.QoS):
    """Acknowledgements over `TakenMessages`: a message is noted when it is taken, and goes back byte for byte."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """Remember a message that the server has already noted."""
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Drop a message that is done."""
        self.channel.taken.drop(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        """Drop a message, or put it last on its queue with one more lost child.

        Celery requeues like this when the child that ran the task was lost; a stopped worker restores instead.
        """
        if requeue:
            message = self.get(delivery_tag).serializable()  # type: ignore[no-untyped-call]
            message["headers"]["lost_children"] += 1
            self.channel.taken.put_back_last(delivery_tag, json.dumps(message).encode())
            virtual.QoS.ack(self, delivery_tag)
        else:
            self.ack(delivery_tag)

    def restore_by_tag(self, tag: str | bytes, client: Any = None, leftmost: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        """Put a message back on its queue as it came; one without a readable queue is dropped and recorded."""
        del client, leftmost  # kombu's signature
        unreadable = self.channel.taken.put_back_first(tag)
        if unreadable is not None:
            self.channel.refuse(unreadable, TAKEN)
            self.channel.taken.drop(tag)

    def restore_visible(self, start: int = 0, num: int | None = None, interval: int = 0) -> None:
        """Put back messages taken so long ago that their worker must be gone; two workers at once do no harm."""
        del start, num, interval  # kombu's signature
        for tag in self.channel.taken.since_before(time() - self.visibility_timeout):
            try:
                self.restore_by_tag(tag)
            except ResponseError as error:  # the queue's key is no list: the message stays noted
                log.error("message.not_restored", error=str(error))


class GuardedChannel(ListeningChannel):
    """A channel to Redis that checks what it reads and loses no message that it takes."""

    QoS = GuardedQoS
    max_connections = 100  # one waits for each queue
    _shared_client: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._waits: dict[str, Wait] = {}
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]

    @cached_property
    def taken(self: Any) -> TakenMessages:
        """Return the messages that workers have taken; kombu's client would prefix only a script's first key."""
        return TakenMessages(redis.Redis(connection_pool=self.pool), self.global_keyprefix)

    def waits(self: Any) -> list[Wait]:
        """Return the waits for the queues that are consumed from."""
        return [self._waits.get(queue) or self._wait_for(queue) for queue in self.active_queues]

    def hear(self: Any, wait: Wait) -> bool:
        """Take the next message after a wait, and deliver it if the gate admits it.

        Raises:
            Empty: there is no message, or this worker has enough.
        """
        if not (wait.hear() and self.qos.can_consume()):
            raise Empty
        tag = str(uuid4())
        taken = self.taken.take(tag, time(), self._sources())
        if taken is None:
            raise Empty
        queue, item = taken
        self._queue_cycle.rotate(queue)
        gate: Gate | None = self.connection.gate
        if gate is None:
            raise RuntimeError("a guarded transport without its gate")
        message = gate.admit(item, queue)
        if message is None:
            self.taken.drop(tag)
        else:
            message["properties"]["delivery_tag"] = tag
            self.connection._deliver(message, queue)  # noqa: SLF001 - tests/guard/test_private_names.py
        return True

    def _wait_for(self: Any, queue: str) -> Wait:
        client = super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        wait = self._waits[queue] = Wait(client, self.global_keyprefix + queue)
        return wait

    def _sources(self: Any) -> list[Source]:
        """Return all lists, in an order that gives each queue its turn."""
        queues = self._queue_cycle.consume(len(self.active_queues))
        return [Source(self._q_for_pri(queue, step), queue) for step in self.priority_steps for queue in queues]

    def _create_client(self: Any, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's signature
        """Return one client for all commands: kombu makes one for each of the five that a task takes."""
        if asynchronous:
            return super()._create_client(asynchronous)  # type: ignore[no-untyped-call]
        if self._shared_client is None or self._shared_client.connection_pool is not self.pool:
            self._shared_client = super()._create_client()  # type: ignore[no-untyped-call]
        return self._shared_client

    def _connparams(self: Any, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - kombu's signature
        """Return how to connect; what the loop polls leaves its poller before it is closed."""
        parameters: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[no-untyped-call]
        if asynchronous:
            parameters["connection_class"] = _leaving(self, parameters["connection_class"])
        return parameters

    def _restore(self: Any, message: Any, leftmost: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        """Put a message back as it came."""
        self.qos.restore_by_tag(message.delivery_tag, leftmost=leftmost)

    def _poll_error(self: Any, type: Any, **options: Any) -> None:
        if isinstance(type, Wait):
            type.hear()
        else:
            super()._poll_error(type, **options)  # type: ignore[no-untyped-call]

    def _close_clients(self: Any) -> None:
        super()._close_clients()  # type: ignore[no-untyped-call]
        for wait in self._waits.values():
            wait.close()


def _leaving(channel: Any, connection_class: type) -> type:
    class Leaving(connection_class):  # type: ignore[misc]  # known when it runs
        def disconnect(self, *args: Any, **options: Any) -> None:
            channel.connection.cycle.leave(self)
            super().disconnect(*args, **options)

    return Leaving


class GuardedTransport(kombu_redis.Transport):
    """Redis behind a gate."""

    Channel = GuardedChannel
    gate: Gate | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self.cycle: Any = WaitingPoller()  # type: ignore[no-untyped-call]
