"""What holds a lane back and what passes: breaker, probes, holds, pauses, and their events."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from integrations.base import Limit
from integrations.errors import FailureCode, NotSentError, RejectedError, UnclearError
from integrations.memory import Fault, InMemory
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.in_redis import read_stream
from tests.services.upstream import ANNE, BOB, Upstream
from worker.db.engine import transact
from worker.db.sharing import providers
from worker.domain.breaker import FAILURES_TO_OPEN
from worker.domain.sharing import RequestOutcome, Result
from worker.hub import Hub
from worker.services.clock.sweep import sweep
from worker.services.sharing.claim import PROBE_LOOKS_AT
from worker.services.sharing.drain import Drain
from worker.services.sharing.lane import Exchange, Lane, publish_provider_events

PROVIDER = "easypark"
ReadProvider = Callable[[], dict[str, Any]]
BROKEN = Fault(UnclearError(PROVIDER, FailureCode.SERVER_ERROR, status=500))
REFUSES = Fault(RejectedError(PROVIDER, FailureCode.PLATE_REFUSED, status=422))
THROTTLED = Fault(NotSentError(PROVIDER, FailureCode.THROTTLED, status=429, retry_after=120))


@pytest.fixture
def twin(twins: dict[str, InMemory]) -> InMemory:
    return twins[PROVIDER]


@pytest.fixture
def lane(quick: Hub, twin: InMemory) -> Lane:
    return lane_of(quick, twin)


@pytest.fixture
def drain(lane: Lane) -> Callable[[], bool]:
    return lambda: asyncio.run(Drain(lane, lane.hub.today).run())


@pytest.fixture
def provider(evidence: Evidence) -> ReadProvider:
    def provider() -> dict[str, Any]:
        row: dict[str, Any] = evidence.value("SELECT to_jsonb(p) FROM providers p WHERE provider = %s", PROVIDER)
        return row

    return provider


@pytest.fixture
def change(evidence: Evidence) -> Callable[[str], None]:
    def change(statement: str) -> None:
        with evidence.database.connect() as connection:
            connection.execute(statement)

    return change


@pytest.fixture
def opened(upstream: Upstream, twin: InMemory, drain: Callable[[], bool], provider: ReadProvider) -> int:
    """Open the breaker by enough failures; a few more puts wait behind it."""
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(FAILURES_TO_OPEN + 3)))
    twin.fail(BROKEN, count=FAILURES_TO_OPEN + 3)
    drain()
    assert provider()["breaker"] == "open"
    return len(twin.calls)


def test_failures_in_a_row_open_the_breaker_and_stop_sending(
    opened: int, twin: InMemory, drain: Callable[[], bool], evidence: Evidence
) -> None:
    drain()
    assert len(twin.calls) == opened
    assert events(evidence) == ["provider.breaker_opened"]


def test_an_answer_in_between_keeps_the_breaker_closed(
    upstream: Upstream, twin: InMemory, drain: Callable[[], bool], evidence: Evidence
) -> None:
    upstream.allow()
    for fault in [BROKEN] * (FAILURES_TO_OPEN - 1) + [REFUSES] + [BROKEN] * (FAILURES_TO_OPEN - 1):
        upstream.take_over(upstream.row())
        twin.fail(fault)
        drain()
    assert evidence.query("SELECT breaker FROM providers WHERE provider = %s", PROVIDER) in ([], [("closed",)])


def test_a_withdrawal_goes_out_while_the_breaker_is_open(
    upstream: Upstream,
    opened: int,
    twin: InMemory,
    drain: Callable[[], bool],
    evidence: Evidence,
    provider: ReadProvider,
) -> None:
    upstream.active(BOB)
    upstream.allow(BOB)
    upstream.refuse(BOB)
    twin.fail(BROKEN)
    drain()
    assert len(twin.calls) == opened  # nothing was ever disclosed about them: no removal is needed
    permit_id = upstream.active(BOB)
    held(evidence, permit_id)
    upstream.refuse(BOB)
    twin.fail(BROKEN)
    drain()
    assert [call.put for call in twin.calls[opened:]] == [None]
    drain()
    assert len(twin.calls) == opened + 1  # it was tried; now it waits for a probe


def test_a_probe_is_one_request_and_a_removal_first(
    upstream: Upstream,
    opened: int,
    twin: InMemory,
    drain: Callable[[], bool],
    change: Callable[[str], None],
    provider: ReadProvider,
) -> None:
    upstream.refuse(ANNE)
    change("UPDATE shares SET failures = 1, due_at = now() - random() * interval '1 hour', confirmed_hash = NULL")
    change("UPDATE shares SET urgency = 2")
    one_more = upstream.active(BOB)
    upstream.allow(BOB)
    change(f"UPDATE shares SET failures = 1, due_at = now() - interval '2 hours' WHERE permit_id = '{one_more}'")
    twin.fail(BROKEN, count=2)
    for attempt in (1, 2):
        change("UPDATE providers SET probe_at = now()")
        drain()
        assert provider()["breaker"] == "open"
        assert len(twin.calls) == opened + attempt
        assert twin.calls[-1].put is None


def test_a_probe_that_never_ended_is_made_again(
    opened: int, twin: InMemory, drain: Callable[[], bool], change: Callable[[str], None]
) -> None:
    change("UPDATE providers SET breaker = 'half_open', probe_at = now() + interval '1 min'")
    change("UPDATE shares SET due_at = now()")
    drain()
    assert len(twin.calls) == opened
    change("UPDATE providers SET probe_at = now()")
    drain()
    assert len(twin.calls) > opened


def test_the_first_answer_closes_the_breaker_and_releases_its_shares(
    opened: int,
    twin: InMemory,
    drain: Callable[[], bool],
    change: Callable[[str], None],
    evidence: Evidence,
    provider: ReadProvider,
) -> None:
    twin.behave()
    change("UPDATE shares SET due_at = now() + interval '1 hour' WHERE failures > 0")
    change("UPDATE shares SET due_at = now() WHERE permit_id = (SELECT permit_id FROM shares LIMIT 1)")
    change("UPDATE providers SET probe_at = now()")
    drain()
    drain()
    assert provider()["breaker"] == "closed"
    assert len(twin.held) == FAILURES_TO_OPEN + 3
    assert events(evidence) == ["provider.breaker_opened", "provider.breaker_closed"]


def test_a_throttled_lane_is_held_and_its_breaker_stays_closed(
    upstream: Upstream,
    twin: InMemory,
    drain: Callable[[], bool],
    provider: ReadProvider,
    evidence: Evidence,
) -> None:
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(12)))
    twin.fail(THROTTLED, count=12)
    drain()
    tried = len(twin.calls)
    drain()
    assert (len(twin.calls), provider()["breaker"]) == (tried, "closed")
    assert 110 < evidence.value("SELECT extract(epoch FROM held_until - now()) FROM providers") <= 120


def test_an_operator_can_pause_and_resume_a_provider(
    upstream: Upstream, twin: InMemory, drain: Callable[[], bool], hub: Hub, evidence: Evidence
) -> None:
    upstream.active()
    upstream.allow()
    assert transact(hub.engine, lambda db: providers.pause(db, PROVIDER)) is True
    assert transact(hub.engine, lambda db: providers.pause(db, PROVIDER)) is False
    drain()
    assert not twin.calls
    assert transact(hub.engine, lambda db: providers.resume(db, PROVIDER)) is True
    drain()
    assert len(twin.held) == 1
    publish_provider_events(hub)
    assert events(evidence) == ["provider.paused", "provider.resumed"]


def test_the_sweep_publishes_an_unpublished_provider_event(
    upstream: Upstream, hub: Hub, evidence: Evidence, today: date
) -> None:
    transact(hub.engine, lambda db: providers.pause(db, PROVIDER))
    assert events(evidence) == []
    sweep(hub, today)
    sweep(hub, today)
    assert events(evidence) == ["provider.paused"]


def test_another_process_finds_the_breaker_open(opened: int, quick: Hub, twin: InMemory) -> None:
    other = lane_of(quick, twin)
    asyncio.run(Drain(other, quick.today).run())
    assert len(twin.calls) == opened


def test_a_wrong_setting_is_recorded_once_until_it_is_corrected(hub: Hub, evidence: Evidence) -> None:
    for problem in ("PERMIT_HUB_EASYPARK_KEY is missing",) * 2 + (None,) * 2:
        transact(hub.engine, partial(providers.note_configuration, provider=PROVIDER, problem=problem))
    publish_provider_events(hub)
    assert events(evidence) == ["provider.unconfigured", "provider.configured"]


def test_a_withdrawal_uses_the_kept_part_of_a_used_up_rate(
    upstream: Upstream, quick: Hub, twin: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Shares that need no request do not wait for a look.
    monkeypatch.setattr("worker.services.sharing.drain.LOOK_SECONDS", 2.0)
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(60)))
    patient = replace(quick, settings=quick.settings.model_copy(update={"request_seconds": 3.0}))  # on a busy machine
    limited = lane_of(patient, twin, Limit(100, 1_000.0))
    asyncio.run(Drain(limited, quick.today).run())
    sent = len(twin.calls)
    assert sent == 5  # a tenth of the limit at once, half of it kept
    upstream.refuse()
    asyncio.run(Drain(limited, quick.today).run())
    assert len(twin.calls) == 10
    assert [call.put for call in twin.calls[sent:]] == [None] * 5


def held(evidence: Evidence, permit_id: UUID) -> None:
    """Set the share so that the provider may hold this permit's data."""
    with evidence.database.connect() as connection:
        connection.execute(
            "INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, holds, urgency, due_at,"
            " claimed_version, failures) VALUES (%s, %s, 1, 1, true, 1, now(), 1, 0)",
            [permit_id, PROVIDER],
        )


def empty(evidence: Evidence, number: int) -> None:
    """Make shares due for which the provider holds nothing and is to hold nothing."""
    with evidence.database.connect() as connection:
        connection.execute(
            "INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, confirmed_hash, holds,"
            " urgency, due_at, claimed_version, failures)"
            " SELECT gen_random_uuid(), %s, 2, 1, '', false, 2, now(), 1, 0 FROM generate_series(1, %s)",
            [PROVIDER, number],
        )


def events(evidence: Evidence) -> list[str]:
    """Read the types of the provider's events in the stream, in order."""
    found = [json.loads(event) for event in read_stream(evidence.hub)]
    about = [event for event in found if event["subject"] == PROVIDER]
    assert [event["sequence"] for event in about] == list(range(1, len(about) + 1))
    return [event["type"] for event in about]


def test_a_probe_skips_shares_that_need_no_request(
    upstream: Upstream,
    opened: int,
    twin: InMemory,
    drain: Callable[[], bool],
    change: Callable[[str], None],
    evidence: Evidence,
) -> None:
    twin.behave()
    change("UPDATE shares SET due_at = now() + interval '1 hour'")
    empty(evidence, PROBE_LOOKS_AT // 2)
    change(
        "UPDATE shares SET due_at = now() - interval '1 s' WHERE permit_id = (SELECT permit_id FROM permits LIMIT 1)"
    )
    change("UPDATE providers SET probe_at = now()")
    drain()
    assert len(twin.calls) == opened + 1


def test_a_batch_that_fails_is_one_failure(upstream: Upstream, quick: Hub, evidence: Evidence) -> None:
    needs = replace(quick.capabilities[PROVIDER], batch=FAILURES_TO_OPEN + 3)
    hub = replace(quick, capabilities={**quick.capabilities, PROVIDER: needs})
    twin = InMemory(PROVIDER, needs)
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(FAILURES_TO_OPEN + 3)))
    twin.fail(BROKEN)
    asyncio.run(Drain(lane_of(hub, twin), hub.today).run())
    assert len(twin.calls) == FAILURES_TO_OPEN + 3
    assert events(evidence) == []


@pytest.mark.parametrize(
    ("answer_seconds", "narrows"), [(0.001, False), (2.0, True), (None, True)], ids=["own", "theirs", "not measured"]
)
def test_only_the_providers_own_time_narrows_the_window(
    lane: Lane, answer_seconds: float | None, narrows: bool
) -> None:
    full = lane.window.routine
    for moment in range(100):
        exchange = Exchange(float(moment), 2.0, answer_seconds, under_way=full)
        lane.note_exchange(exchange, [Result(RequestOutcome.CONFIRMED)])
        if lane.window.routine < full:
            break
    assert (lane.window.routine < full) is narrows


def test_only_full_batches_tell_of_the_answer_time_of_a_batch(quick: Hub) -> None:
    needs = replace(quick.capabilities[PROVIDER], batch=10)
    hub = replace(quick, capabilities={**quick.capabilities, PROVIDER: needs})
    lane = lane_of(hub, InMemory(PROVIDER, needs))
    full = lane.window.routine
    for moment in range(100):
        lane.note_exchange(Exchange(float(moment), 2.0, 2.0, under_way=full), [Result(RequestOutcome.CONFIRMED)] * 9)
    assert lane.window.routine == full
