"""A message that passes the gate and that Celery cannot read is dropped without being shown."""

import logging
from typing import Any

import pytest
from kombu.message import Message

from schemas.receipts import RefusalCode
from tests.guard.poison import SECRET
from worker.tasks.broker.message import REDACTED
from worker.tasks.process.base import HubTask
from worker.tasks.process.redaction import HubRequest

ID = "5d2f1c58-7a57-4a86-9a5f-3b0f0a1c2d3e"


class Gate:
    """Notes the refusals reported to it."""

    def __init__(self) -> None:
        self.refused: list[tuple[bytes, str, RefusalCode, str | None]] = []

    def refuse(self, item: bytes, queue: str, code: RefusalCode, task_id: str | None = None) -> None:
        self.refused.append((item, queue, code, task_id))


class Channel:
    """Notes acknowledgements."""

    no_ack_consumers = None

    def __init__(self) -> None:
        self.rejected: list[tuple[str, bool]] = []

    def basic_reject(self, tag: str, requeue: bool) -> None:
        self.rejected.append((tag, requeue))


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def message(channel: Channel) -> Message:
    headers = {"id": ID, "task": SECRET}
    return Message(SECRET.encode(), "tag", delivery_info={"routing_key": "jobs"}, headers=headers, channel=channel)


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in (
        ("DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/nothing"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("HASH_KEY", "k" * 32),
    ):
        monkeypatch.setenv(f"PERMIT_HUB_{name}", value)
    from worker.tasks.process.guard import GuardedConsumer

    made = object.__new__(GuardedConsumer)
    monkeypatch.setattr(made, "gate", Gate(), raising=False)
    return made


@pytest.mark.parametrize(
    ("handler", "arguments", "code"),
    [
        ("on_unknown_message", lambda message: (SECRET, message), RefusalCode.MALFORMED_MESSAGE),
        ("on_unknown_task", lambda message: (None, message, KeyError(SECRET)), RefusalCode.UNKNOWN_KIND),
        ("on_invalid_task", lambda message: (None, message, ValueError(SECRET)), RefusalCode.MALFORMED_MESSAGE),
        ("on_decode_error", lambda message: (message, ValueError(SECRET)), RefusalCode.NOT_JSON),
    ],
)
def test_a_message_past_the_gate_is_rejected_recorded_and_not_logged(
    consumer: Any,
    channel: Channel,
    message: Message,
    handler: str,
    arguments: Any,
    code: RefusalCode,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        getattr(consumer, handler)(*arguments(message))
    assert channel.rejected == [("tag", False)]
    assert consumer.gate.refused == [(SECRET.encode(), "jobs", code, ID)]
    assert SECRET not in caplog.text


def test_an_error_in_celerys_handler_drops_only_its_message(consumer: Any, channel: Channel, message: Message) -> None:
    # The strategy fails as Celery's does over a time limit that is not a list.
    def strategy(*_: object) -> None:
        raise TypeError(SECRET)

    consumer.strategies = {SECRET: strategy}
    consumer.on_task_message = set()
    consumer.restart_count = 0
    consumer._maximum_prefetch_restored = True
    consumer.create_task_handler()(message)
    assert channel.rejected == [("tag", False)]
    assert consumer.gate.refused == [(SECRET.encode(), "jobs", RefusalCode.MALFORMED_MESSAGE, ID)]


def test_request_events_show_neither_result_nor_error() -> None:
    sent: list[dict[str, object]] = []

    class Eventer:
        enabled = True

        def send(self, kind: str, **fields: object) -> None:
            sent.append({"kind": kind, **fields})

    request = object.__new__(HubRequest)
    request._eventer, request._task, request.id = Eventer(), HubTask(), ID
    request.send_event("task-failed", exception=SECRET, traceback=SECRET, result=SECRET, runtime=1.5)
    hidden = dict.fromkeys(("exception", "traceback", "result"), REDACTED)
    assert sent == [{"kind": "task-failed", "uuid": ID, "runtime": 1.5, **hidden}]
