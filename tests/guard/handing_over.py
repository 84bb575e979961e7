"""A consumer that is killed, and a relay to Valkey that kills it when the server's answer passes."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import redis
from kombu.asynchronous import Hub
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer

from schemas.receipts import RefusalCode
from tests.support.relay import hand_on, serving
from worker.tasks.broker.transport import GuardedTransport

PREFIX = "handing-over:"
QUEUE = "consent"
MARK = b'"correlation_id"'  # in every message
HANDLED = f"{PREFIX}handled"
OPTIONS = {"global_keyprefix": PREFIX, "visibility_timeout": 3_600, "unacked_restore_interval": 1}


class OpenGate:
    """A gate that admits every message."""

    def admit(self, item: bytes, queue: str) -> dict[str, Any]:
        admitted: dict[str, Any] = json.loads(item)
        admitted["properties"]["delivery_info"] = {"exchange": "", "routing_key": queue}
        return admitted

    def refuse(self, item: bytes, queue: str, code: RefusalCode) -> None:
        raise AssertionError


def consume(url: str, direct_url: str, *, in_event_loop: bool) -> None:
    """Note each message as handled, then acknowledge it, until killed."""
    store = redis.Redis.from_url(direct_url)

    def handle(message: Any) -> None:
        store.lpush(HANDLED, message.headers["id"])
        message.ack()

    path = f"{GuardedTransport.__module__}:{GuardedTransport.__name__}"
    with Connection(url, transport=path, transport_options=OPTIONS) as connection:
        connection.transport.gate = OpenGate()
        channel = connection.channel()
        channel.basic_qos(0, 1, False)
        queue = Queue(QUEUE, Exchange("", type="direct"), routing_key=QUEUE)
        with Consumer(channel, [queue], on_message=handle):
            if in_event_loop:  # as a worker does
                hub = Hub()
                connection.register_with_event_loop(hub)
                hub.run_forever()
            while True:
                connection.drain_events()


@dataclass
class Blow:
    """When to kill a consumer: at which answer that carries a message, before it arrives or how long after."""

    pid: int
    answer: int
    after_seconds: float | None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


class Relay:
    """Passes bytes on, and kills the consumer as planned."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.blow: Blow | None = None

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(hand_on(reader, back), self._hand_back(there, writer))

    async def _hand_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tail = b""
        try:
            while data := await reader.read(65_536):
                blow = self.blow
                if blow is not None:
                    blow.answer -= (tail + data).count(MARK)
                    tail = data[1 - len(MARK) :]
                    if blow.answer <= 0:
                        self.blow = None
                        if blow.after_seconds is None:
                            blow.kill()
                            return
                        writer.write(data)
                        await writer.drain()
                        await asyncio.sleep(blow.after_seconds)
                        blow.kill()
                        return
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@contextmanager
def relay(target: int) -> Iterator[tuple[int, Relay]]:
    """Run a relay in a thread while the context lasts; yield its port and the relay."""
    made = Relay(target)
    with serving(made.meet) as port:
        yield port, made


looping, draining = partial(consume, in_event_loop=True), partial(consume, in_event_loop=False)
