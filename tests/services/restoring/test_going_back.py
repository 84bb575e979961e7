"""A database that went back in time: noticed by itself, and nothing goes out on the strength of a consent in it."""

import asyncio
from datetime import date

import pytest

from tests.conftest import CURRENT
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.in_redis import read_stream
from tests.services.outbox import Outbox, sender_of
from tests.services.reminders.test_decide import CONTACT, decide
from tests.services.restoring.conftest import ALL, NOBODY_BUT_THE_CITY, Held, Step, is_current, withhold
from tests.services.upstream import ANNE, BOB, CITY, EVERYONE, Upstream
from worker.db import hub_state
from worker.db.engine import transact
from worker.db.hub_state import Sign
from worker.hub import Hub
from worker.journal import FolderJournal
from worker.services import going_back
from worker.services.clock.sweep import sweep
from worker.services.publishing.publish import republish
from worker.services.reminders.decide import due_channels


@pytest.mark.usefixtures("withdrawn")
@pytest.mark.parametrize("is_swept", [False, True])
def test_a_withdrawn_consent_that_a_restore_brings_back_reaches_nobody(
    is_swept: bool, hub: Hub, deliver: Deliver, make_due: Step, held: Held, today: date
) -> None:
    if is_swept:
        sweep(hub, today)
    make_due()
    deliver()
    sweep(hub, today)
    deliver()
    assert held() == NOBODY_BUT_THE_CITY


@pytest.mark.usefixtures("withdrawn")
def test_a_sweep_says_what_it_noticed_and_starts_an_epoch(hub: Hub, evidence: Evidence, today: date) -> None:
    assert not is_current(hub)
    before = evidence.value("SELECT epoch FROM hub_state")
    sweep(hub, today)
    sweep(hub, today)
    state = transact(hub.engine, hub_state.read)
    assert state.restored_sign is Sign.REDIS_IS_AHEAD
    assert state.epoch == before + 1
    assert not is_current(hub)
    told = [event for event in read_stream(hub) if b"provider.puts_withheld" in event]
    assert len(told) == len(EVERYONE)


@pytest.mark.usefixtures("withdrawn")
def test_the_screen_shows_what_the_database_says_at_once(hub: Hub, evidence: Evidence, today: date) -> None:
    told = hub.live.spaces.published_versions([ANNE])[ANNE]
    assert told > evidence.value("SELECT version FROM residents")
    sweep(hub, today)
    assert evidence.find_space(ANNE) is None  # its reader asks for a new one
    republish(hub, [ANNE], today)
    assert evidence.space(ANNE).consent.version == 1


def test_removals_and_the_public_task_go_on_while_puts_are_held(
    upstream: Upstream, deliver: Deliver, held: Held, evidence: Evidence
) -> None:
    for resident in (ANNE, BOB):
        upstream.active(resident)
        upstream.allow(resident)
    deliver()
    withhold(evidence)
    upstream.refuse(BOB)
    upstream.active()
    deliver()
    assert held() == dict.fromkeys(EVERYONE, 1) | {CITY: 3}
    assert evidence.pending() == len(EVERYONE)


@pytest.mark.usefixtures("withdrawn")
def test_what_was_held_goes_out_once_an_operator_releases_it(
    hub: Hub, deliver: Deliver, make_due: Step, held: Held, wake_ups: list[str], today: date, evidence: Evidence
) -> None:
    sweep(hub, today)
    make_due()
    deliver()
    assert evidence.value("SELECT count(*) FROM shares WHERE due_at > now() + interval '1 year'") == len(EVERYONE)
    transact(hub.engine, lambda db: going_back.release(hub, db))
    wake_ups.clear()
    sweep(hub, today)
    assert set(EVERYONE) <= set(wake_ups)
    deliver()
    assert held() == ALL
    assert is_current(hub)


def test_a_server_that_was_started_again_is_current_after_a_sweep(
    upstream: Upstream, hub: Hub, evidence: Evidence, deliver: Deliver, held: Held, today: date
) -> None:
    sweep(hub, today)
    upstream.active()
    upstream.allow()
    with evidence.database.connect() as connection:
        connection.execute("UPDATE hub_state SET place = 'another start'")
    deliver()
    assert held() == NOBODY_BUT_THE_CITY
    sweep(hub, today)
    assert is_current(hub)
    deliver()
    assert held() == ALL
    assert transact(hub.engine, hub_state.read).restored_at is None


@pytest.mark.usefixtures("withdrawn")
def test_the_journal_tells_when_redis_remembers_nothing(hub: Hub, evidence: Evidence, today: date) -> None:
    hub.live.client.unlink(hub.live.key("mark"))
    sweep(hub, today)
    assert transact(hub.engine, hub_state.read).restored_sign is Sign.JOURNAL_IS_AHEAD
    assert not is_current(hub)


@pytest.mark.usefixtures("withdrawn")
def test_a_journal_that_cannot_be_read_leaves_puts_withheld(
    hub: Hub, deliver: Deliver, make_due: Step, held: Held, journal: FolderJournal, today: date
) -> None:
    hub.live.client.unlink(hub.live.key("mark"))
    aside = journal.folder.rename(journal.folder.with_name("aside"))
    make_due()
    for _ in range(2):
        sweep(hub, today)
        deliver()
        assert held() == NOBODY_BUT_THE_CITY
    aside.rename(journal.folder)
    sweep(hub, today)
    assert transact(hub.engine, hub_state.read).restored_sign is Sign.JOURNAL_IS_AHEAD


def test_a_redis_that_lost_its_mark_or_has_an_old_one_is_no_sign(hub: Hub, evidence: Evidence, today: date) -> None:
    for _ in range(3):
        sweep(hub, today)
    for mark in (None, 1):
        hub.live.client.unlink(hub.live.key("mark"))
        if mark is not None:
            hub.live.client.set(hub.live.key("mark"), mark)
        sweep(hub, today)
        assert is_current(hub)


def test_no_reminder_goes_out_while_the_database_may_be_old(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    outbox = Outbox()
    sender = sender_of(hub, outbox)
    upstream.applied("resident.update_contact", **CONTACT)
    upstream.take_over(upstream.row(terms=[{"first_day": upstream.day(-334), "last_day": upstream.day(30)}]))
    assert decide(hub, today) == 1
    withhold(evidence)
    assert due_channels(hub, [outbox.name]) == []
    asyncio.run(sender.run(lambda: today))
    assert outbox.sent == []
    with evidence.database.connect() as connection:
        connection.execute(CURRENT)
    asyncio.run(sender.run(lambda: today))
    assert len(outbox.sent) == 1


def test_a_second_database_behind_is_noticed_again_after_a_release(hub: Hub, evidence: Evidence, today: date) -> None:
    for _ in range(2):
        sweep(hub, today)
    with evidence.database.connect() as connection:
        connection.execute("UPDATE hub_state SET mark = 1")
    sweep(hub, today)
    transact(hub.engine, lambda db: going_back.release(hub, db))
    sweep(hub, today)
    assert is_current(hub)
    with evidence.database.connect() as connection:
        connection.execute("UPDATE hub_state SET mark = 1")
    sweep(hub, today)
    assert not is_current(hub)


def test_what_is_held_is_forgotten_by_a_refusal(
    upstream: Upstream, deliver: Deliver, held: Held, evidence: Evidence
) -> None:
    upstream.active()
    upstream.allow()
    withhold(evidence)
    deliver()
    upstream.refuse()
    deliver()
    assert held() == NOBODY_BUT_THE_CITY
    assert evidence.pending() == 0
