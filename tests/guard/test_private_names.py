"""Private names of libraries that we rely on: where one has changed, this says so before a worker does.

Each is here because there is no public way. After an upgrade, read what is named below in the new version, then note
the version in `LOOKED_AT`.
"""

import inspect
from importlib.metadata import version
from types import SimpleNamespace

import aiohttp
import billiard.pool
import pytest
from celery.backends.redis import RedisBackend
from celery.worker.consumer import Consumer
from kombu.transport import redis as kombu_redis

import worker.app  # noqa: F401 - it sets billiard's limit
from worker.tasks.broker.broadcasts import ListeningChannel
from worker.tasks.broker.flower_transport import FlowerChannel, FlowerTransport
from worker.tasks.broker.transport import GuardedChannel, GuardedQoS
from worker.tasks.broker.waiting import WaitingPoller
from worker.tasks.process.guard import GuardedConsumer
from worker.tasks.process.results import ReceiptBackend

LOOKED_AT = {
    "aiohttp": (
        "3.14.5",
        "`ClientSession._retry_connection`, and how it sends (integrations/transport.py)",
    ),
    "billiard": ("4.3.2", "`pool.Worker._ensure_messages_consumed` and its limit (worker/app.py)"),
    "celery": ("5.7.0", "what `GuardedConsumer` and `ReceiptBackend` override (worker/tasks/process/)"),
    "kombu": ("5.7.0", "what the classes of worker/tasks/broker/ override and call of `transport.redis`"),
}
OVERRIDDEN = [
    (ListeningChannel, kombu_redis.Channel, ["_receive", "_handle_message"]),
    (
        GuardedChannel,
        kombu_redis.Channel,
        ["_create_client", "_connparams", "_restore", "_poll_error", "_close_clients"],
    ),
    (GuardedQoS, kombu_redis.QoS, ["append", "ack", "reject", "restore_by_tag", "restore_visible"]),
    (WaitingPoller, kombu_redis.MultiChannelPoller, ["_register_BRPOP", "on_readable", "maybe_check_brpop_health"]),
    (FlowerChannel, kombu_redis.Channel, ["_handle_message"]),
    (FlowerTransport, kombu_redis.Transport, ["_deliver"]),
    (GuardedConsumer, Consumer, ["_flush_events", "on_unknown_message", "on_unknown_task", "on_invalid_task"]),
    (GuardedConsumer, Consumer, ["on_decode_error", "create_task_handler", "connection_for_read"]),
    (ReceiptBackend, RedisBackend, ["_store_result", "_set"]),
]
CALLED = [
    (kombu_redis.Channel, ["_receive_one", "_q_for_pri", "_queue_cycle", "_in_listen"]),
    (kombu_redis.MultiChannelPoller, ["_client_registered", "_register", "_fd_to_chan", "_channels"]),
    (kombu_redis.Transport, ["_deliver"]),
    (RedisBackend, ["_get_result_meta", "_set_with_state"]),
]


@pytest.mark.parametrize("library", LOOKED_AT)
def test_the_library_is_the_one_that_was_looked_at(library: str) -> None:
    looked_at, what = LOOKED_AT[library]

    assert version(library) == looked_at, f"read in {library} {version(library)}: {what}; then note the version here"


@pytest.mark.parametrize(("ours", "theirs", "names"), OVERRIDDEN)
def test_what_we_override_is_still_called_so_and_with_the_same_arguments(
    ours: type, theirs: type, names: list[str]
) -> None:
    for name in names:
        assert name in vars(ours), name
        called_with = inspect.signature(getattr(theirs, name)).parameters.values()
        takes = inspect.signature(getattr(ours, name))
        takes.bind(*(None for one in called_with if one.kind is one.POSITIONAL_OR_KEYWORD))


@pytest.mark.parametrize(("theirs", "names"), CALLED)
def test_what_we_call_is_still_there(theirs: type, names: list[str]) -> None:
    source = "".join(inspect.getsource(one) for one in theirs.__mro__ if one is not object)

    assert [name for name in names if name not in source] == []


def test_aiohttp_sends_nothing_again_by_itself_where_the_switch_is_off() -> None:
    """`test_a_kept_connection_that_breaks_is_reported_and_nothing_is_sent_twice` breaks a real connection."""
    assert "_retry_connection" in aiohttp.ClientSession.ATTRS
    assert "self._retry_connection and" in inspect.getsource(aiohttp.ClientSession._request)


def test_a_child_that_ends_waits_for_no_more_turns_than_our_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(billiard.pool, "time", SimpleNamespace(sleep=waited.append))
    child = SimpleNamespace(on_ready_counter=SimpleNamespace(value=0))

    assert not billiard.pool.Worker._ensure_messages_consumed(child, completed=1)
    assert sum(waited) == pytest.approx(2.0)
