"""A broadcast reaches kombu as a command rebuilt from a white list, or not at all."""

import base64
import json
import time
from typing import Any
from uuid import uuid4

import psutil
import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st

from tests.guard.harness import Worker
from tests.guard.poison import SECRET
from tests.support.waiting import eventually
from worker.tasks.broker import remote_control
from worker.tasks.broker.broadcasts import READ_AT_ONCE, READ_PER_SECOND
from worker.tasks.broker.remote_control import COMMANDS, Allowance, rebuild

CHANNEL = "/0.celery.pidbox"
CATASTROPHE = "^((((((.+)+)+)+)+)+)+!$"  # kombu matches it against a worker's name for hours
NINES = "9" * 4_300  # the longest number that Python reads; with one digit more it cannot print it
REPLY_TO = {"exchange": remote_control.REPLIES, "routing_key": str(uuid4())}
DEEP: Any = "x"
for _ in range(60):
    DEEP = [DEEP]


def item(method: Any = "ping", headers: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """Return a broadcast as kombu publishes it."""
    command = {"method": method, "arguments": {}, "destination": None, "pattern": None, "matcher": None} | fields
    return envelope(json.dumps(command).encode(), headers)


def envelope(
    command: bytes, headers: dict[str, Any] | None = None, content_type: str = "application/json", **changes: Any
) -> bytes:
    properties = {"delivery_mode": 1, "delivery_info": {"exchange": "celery.pidbox", "routing_key": ""}}
    properties |= {"priority": 0, "body_encoding": "base64", "delivery_tag": str(uuid4())}
    message: dict[str, object] = {"body": base64.b64encode(command).decode(), "content-encoding": "utf-8"}
    message |= {"content-type": content_type, "headers": headers or {}, "properties": properties}
    return json.dumps(message | changes).encode()


def command(data: bytes) -> dict[str, Any]:
    built = rebuild(data)
    assert built is not None
    read: dict[str, Any] = json.loads(base64.b64decode(json.loads(built)["body"]))
    return read


def asking(**reply_to: Any) -> bytes:
    return item(reply_to=REPLY_TO | reply_to, ticket=str(uuid4()))


HOSTILE = {
    "a pattern that takes for ever": item(pattern=CATASTROPHE, matcher="regex"),
    "a pattern alone": item(pattern="*"),
    "a matcher alone": item(matcher="glob"),
    "an unknown method": item("ping_pong"),
    "a method that changes something": item("shutdown"),
    "tasks to ignore": item("hello", arguments={"from_node": "x@y", "revoked": [str(uuid4())]}),
    "a method that starts programs": item("report"),
    "a method that is a list": item(["ping"]),
    "no method": item(None),
    "an argument that is not known": item(arguments={"x": SECRET}),
    "a huge argument": item(arguments={"x": "x" * 60_000}),
    "arguments in a list": item(arguments=[1]),
    "text for a boolean": item("conf", arguments={"with_defaults": "yes"}),
    "attributes of tasks": item("registered", arguments={"taskinfoitems": ["backend"]}),
    "ids that are none": item("query_task", arguments={"ids": [SECRET]}),
    "one id in text": item("query_task", arguments={"ids": str(uuid4())}),
    "many ids": item("query_task", arguments={"ids": [str(uuid4())] * 150}),
    "a destination in text": item(destination="guard@test"),
    "destinations that are no names": item(destination=[{"a": 1}]),
    "a destination of another alphabet": item(destination=[f"guard@{SECRET} "]),
    "an answer to a queue": asking(exchange="", routing_key="consent"),
    "an answer to another exchange": asking(exchange="reply.other.pidbox"),
    "an answer to no id": asking(routing_key="consent"),
    "an answer with more": asking(more=1),
    "an answer that is text": item(reply_to=SECRET, ticket=str(uuid4())),
    "an answer without its ticket": item(reply_to=REPLY_TO),
    "a ticket without its answer": item(ticket=str(uuid4())),
    "a ticket of text": item(reply_to=REPLY_TO, ticket=SECRET),
    "another field": item(channel="x"),
    "nested deep": item(destination=DEEP),
    "a body in another encoding": envelope(b"{}", content_type="application/x-python-serialize"),
    "a body that is a list": envelope(b"[]"),
    "a body that is not JSON": envelope(SECRET.encode()),
    "properties in a list": envelope(b"{}", properties=[]),
    "a body that is a number": envelope(b"{}", body=7),
    "a number too long to read": envelope(b'{"method": ' + b"9" * 5_000 + b"}"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_command_that_is_not_in_the_white_list_is_dropped(data: bytes) -> None:
    assert rebuild(data) is None


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
)
FIELDS = st.sampled_from(["method", "arguments", "destination", "reply_to", "ticket", "x"])
COMMAND = st.fixed_dictionaries({"method": st.sampled_from([*COMMANDS])}) | st.dictionaries(FIELDS, ANYTHING)


@given(
    st.binary(max_size=300)
    | ANYTHING.map(lambda value: json.dumps(value).encode())
    | COMMAND.map(lambda fields: envelope(json.dumps(fields).encode()))
)
def test_any_broadcast_is_rebuilt_or_dropped_without_raising(data: bytes) -> None:
    built = rebuild(data)
    if built is None:
        return
    read = json.loads(base64.b64decode(json.loads(built)["body"]))
    assert read.keys() <= {"method", "arguments", "destination", "reply_to", "ticket"}
    assert read["arguments"].keys() <= COMMANDS[read["method"]].keys()


def test_the_senders_headers_and_properties_are_removed() -> None:
    data = item(headers={"clock": 7, "expires": 1, "x": SECRET})
    built = json.loads(rebuild(data) or b"")
    assert built["headers"] == {}
    assert built["properties"]["delivery_tag"] != json.loads(data)["properties"]["delivery_tag"]


def test_commands_of_celerys_own_clients_get_through_unchanged() -> None:
    sent: list[dict[str, Any]] = []
    app = Celery(broker="memory://", set_as_current=False)
    mailbox = app.control.mailbox
    publish = mailbox._publish

    def note(method: str, arguments: Any, destination: Any = None, reply_ticket: Any = None, **_: Any) -> None:
        arguments = json.loads(json.dumps(arguments or {}))
        sent.append({"method": method, "arguments": arguments, "destination": destination})

    mailbox._publish = note
    inspect = app.control.inspect(timeout=0.01, destination=["consent@city.example"])
    (
        inspect.active(),
        inspect.active(safe=True),
        inspect.active_queues(),
        inspect.conf(),
        inspect.ping(),
        inspect.registered(),
    )
    inspect.query_task(str(uuid4()), str(uuid4())), inspect.reserved(), inspect.revoked(), inspect.scheduled()
    inspect.stats(), app.control.enable_events(), app.control.broadcast("heartbeat")
    mailbox._publish = publish
    assert {each["method"] for each in sent} == COMMANDS.keys()
    for each in sent:
        assert command(item(**each)) == each
        ticket = str(uuid4())
        answered = command(item(**each, reply_to=REPLY_TO, ticket=ticket))
        assert answered == each | {"reply_to": REPLY_TO, "ticket": ticket}


def test_an_allowance_runs_out_and_refills_with_time() -> None:
    now = [0.0]
    allowance = Allowance(3, 2.0, clock=lambda: now[0])
    assert [allowance.take() for _ in range(4)] == [True, True, True, False]
    now[0] = 1.0
    assert [allowance.take() for _ in range(3)] == [True, True, False]
    now[0] = 100.0
    assert [allowance.take() for _ in range(4)] == [True, True, True, False]


def test_a_worker_answers_pings_during_hostile_broadcasts(worker: Worker) -> None:
    pids = worker.pids()
    for data in HOSTILE.values():
        worker.redis.publish(worker.prefix + CHANNEL, data)
    worker.redis.publish(
        worker.prefix + CHANNEL, item().replace(b'"headers": {}', b'"headers": {"clock": %s}' % NINES.encode())
    )
    assert worker.app.control.inspect(timeout=5, limit=1).ping() == {"guard@test": {"ok": "pong"}}
    assert worker.call("hub.ping") == "pong"
    recorded = worker.awaited_refusals(len(HOSTILE))
    assert {(one.code, one.queue) for one in recorded} == {("malformed_message", "broadcast")}
    eventually(worker.is_drained, "no answer on any queue")
    assert worker.pids() == pids
    assert SECRET not in worker.logged()


@pytest.fixture
def replaced_child(worker: Worker) -> None:
    """Have the pool start a new process, which has a copy of each connection of the worker."""
    before = worker.call("probe.pid")
    psutil.Process(before).kill()
    eventually(lambda: worker.call("probe.pid") != before, "another process")


@pytest.mark.usefixtures("replaced_child")
def test_a_flood_of_broadcasts_delays_no_job(worker: Worker) -> None:
    with worker.redis.pipeline(transaction=False) as pipeline:
        for _ in range(20_000):
            pipeline.publish(worker.prefix + CHANNEL, item())
        pipeline.execute()
    assert worker.call("permit.cancel", "{}") == 2
    eventually(lambda: worker.app.control.inspect(timeout=2, limit=1).ping(), "an answer after the flood")
    assert "broadcast.flood" in worker.logged()
    eventually(worker.is_drained, "an empty broker")
    worker.refusals()
    main = psutil.Process(worker.process.pid)
    before = main.cpu_times()
    time.sleep(READ_AT_ONCE / READ_PER_SECOND)  # then it reads as many as other tests may send
    used = main.cpu_times()
    assert used.user + used.system - before.user - before.system < 1, "the loop spins"
