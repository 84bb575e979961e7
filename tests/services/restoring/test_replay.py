"""Replaying the journal: lost refusals and erasures are applied again, and stray data is removed."""

from collections.abc import Callable
from datetime import date
from uuid import uuid4

import pytest

from schemas.receipts import Outcome
from schemas.space import HeldState
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.restoring.conftest import Held, Step, withhold
from tests.services.upstream import ANNE, BOB, CITY, EVERYONE, UNVERIFIED, Upstream, choice
from worker.db import hub_state
from worker.db.engine import transact
from worker.hub import Hub
from worker.journal import FolderJournal
from worker.services import going_back
from worker.services.clock.sweep import sweep
from worker.services.jobs import replay as service
from worker.services.jobs.replay import Found

Replay = Callable[[], Found]


@pytest.fixture
def replay(hub: Hub, journal: FolderJournal, today: date) -> Replay:
    def replay() -> Found:
        *_, found = service.replay(hub, journal, today)
        return found

    return replay


@pytest.fixture
def check(hub: Hub, journal: FolderJournal) -> Replay:
    def check() -> Found:
        *_, found = service.check(hub, journal)
        return found

    return check


def test_lost_refusals_and_erasures_are_applied_again_and_allowances_are_not(
    upstream: Upstream,
    deliver: Deliver,
    backup: Step,
    go_back: Step,
    replay: Replay,
    check: Replay,
    held: Held,
    hub: Hub,
    evidence: Evidence,
    today: date,
    word: str,
) -> None:
    upstream.applied("resident.update_contact", BOB, name=word, email=f"{word}@example.fr", language="fr")
    for resident in (ANNE, BOB):
        upstream.active(resident)
        upstream.allow(resident)
    deliver()
    sweep(hub, today)
    backup()
    refusal = upstream.envelope(resident_id=ANNE, **choice("refuse"))
    assert upstream.send("consent.decide", refusal).outcome is Outcome.APPLIED
    upstream.applied("resident.erase", BOB)
    upstream.active("r-new")
    upstream.allow("r-new")
    deliver()
    go_back()
    sweep(hub, today)
    assert word in evidence.everything_stored()
    assert check().unknown == {"refuse": 1, "erase": 1, "allow": 1}
    assert replay().unknown == {"refuse": 1, "erase": 1, "allow": 1}
    deliver()
    assert {name: count for name, count in held().items() if name != CITY} == dict.fromkeys(EVERYONE, 1)  # r-new's
    assert evidence.screen(ANNE).consent.version == 2
    assert evidence.screen(BOB).cards == ()
    assert word not in evidence.everything_stored()
    assert transact(hub.engine, hub_state.read).replayed_at is not None
    assert check().unknown == replay().unknown == {}
    receipt = upstream.send("consent.decide", refusal)  # its web app sends it once more
    assert (receipt.outcome, receipt.version) == (
        Outcome.APPLIED,
        evidence.job(refusal["job_id"])["receipt"]["version"],
    )


def test_what_was_sent_on_a_lost_allowance_is_removed(
    upstream: Upstream,
    deliver: Deliver,
    backup: Step,
    go_back: Step,
    replay: Replay,
    held: Held,
    hub: Hub,
    today: date,
) -> None:
    upstream.active()
    upstream.refuse()
    deliver()
    sweep(hub, today)
    backup()
    upstream.allow(seen=1)
    deliver()
    assert held()["paybyphone"] == 1  # it cannot list what it holds: no reconciliation would find this
    go_back()
    sweep(hub, today)
    replay()
    deliver()
    assert held() == dict.fromkeys(EVERYONE, 0) | {CITY: 1}


def test_a_refusal_after_a_lost_allowance_is_sent_although_nothing_was_known_to_be_held(
    upstream: Upstream,
    deliver: Deliver,
    backup: Step,
    go_back: Step,
    replay: Replay,
    held: Held,
    hub: Hub,
    today: date,
) -> None:
    upstream.active()
    deliver()
    sweep(hub, today)
    backup()
    upstream.allow()
    deliver()
    upstream.refuse()
    go_back()  # before the removal went out
    sweep(hub, today)
    replay()
    deliver()
    assert held() == dict.fromkeys(EVERYONE, 0) | {CITY: 1}


def test_a_replay_keeps_what_is_known_of_a_share(
    upstream: Upstream,
    deliver: Deliver,
    backup: Step,
    go_back: Step,
    replay: Replay,
    hub: Hub,
    evidence: Evidence,
    today: date,
) -> None:
    upstream.active()
    upstream.allow()
    deliver()
    sweep(hub, today)
    backup()
    upstream.refuse()
    go_back()
    sweep(hub, today)
    known = "SELECT provider, reference, requests, claimed_version FROM shares ORDER BY provider"
    before = evidence.query(known)
    assert all(requests > 0 for _, _, requests, _ in before)
    replay()
    assert evidence.query(known) == before


def test_a_restart_after_a_replay_finds_nothing_lost(
    upstream: Upstream, backup: Step, go_back: Step, replay: Replay, hub: Hub, evidence: Evidence, today: date
) -> None:
    sweep(hub, today)
    backup()
    upstream.active()
    upstream.allow()
    go_back()
    sweep(hub, today)
    replay()
    with evidence.database.connect() as connection:
        connection.execute("UPDATE hub_state SET restored_at = NULL, place = 'another start'")
    sweep(hub, today)
    assert transact(hub.engine, hub_state.read).restored_at is None


def test_an_erasure_of_somebody_whom_the_backup_does_not_know_holds_for_what_is_sent_again(
    upstream: Upstream, deliver: Deliver, backup: Step, go_back: Step, replay: Replay, held: Held, hub: Hub, today: date
) -> None:
    sweep(hub, today)
    backup()
    jobs = [
        ("permit.request", upstream.wish(uuid4()) | {"profile": "low_emission"}),
        ("consent.decide", choice("allow") | {"consent_version": 0}),
        ("resident.erase", {}),
    ]
    sent = [(kind, upstream.envelope(resident_id=ANNE, **fields)) for kind, fields in jobs]
    assert [upstream.send(*one).outcome for one in sent] == [Outcome.APPLIED] * 3
    go_back()
    sweep(hub, today)
    assert replay().refused == 0
    assert [upstream.send(*one).outcome for one in sent] == [Outcome.REFUSED, Outcome.REFUSED, Outcome.APPLIED]
    transact(hub.engine, lambda db: going_back.release(hub, db))
    sweep(hub, today)
    deliver()
    assert held() == dict.fromkeys((*EVERYONE, CITY), 0)


@pytest.mark.parametrize("way", ["replayed", "sent again first", "interrupted"])
def test_a_refusal_removes_what_went_out_after_the_backup(
    way: str,
    upstream: Upstream,
    deliver: Deliver,
    backup: Step,
    go_back: Step,
    replay: Replay,
    held: Held,
    hub: Hub,
    today: date,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    permit = uuid4()
    upstream.allow()
    upstream.applied("permit.request", **upstream.wish(permit) | {"profile": "low_emission", "verified": UNVERIFIED})
    sweep(hub, today)
    backup()
    upstream.applied("permit.decide", permit_id=permit, decision="approve")
    deliver()
    assert held()["paybyphone"] == 1  # it cannot list what it holds
    refusal = upstream.envelope(resident_id=ANNE, **choice("refuse"))
    assert upstream.send("consent.decide", refusal).outcome is Outcome.APPLIED
    go_back()
    sweep(hub, today)
    if way == "sent again first":
        upstream.send("consent.decide", refusal)
    if way == "interrupted":

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr(service, "_send_again", die)
            with pytest.raises(KeyboardInterrupt):
                replay()
    replay()
    deliver()
    assert held()["paybyphone"] == 0


def test_the_screen_of_a_replayed_decision_is_made_again(
    upstream: Upstream,
    deliver: Deliver,
    backup: Step,
    go_back: Step,
    replay: Replay,
    hub: Hub,
    evidence: Evidence,
    today: date,
) -> None:
    upstream.active()
    upstream.refuse()
    deliver()
    sweep(hub, today)
    backup()
    upstream.allow(seen=1)
    go_back()
    sweep(hub, today)
    evidence.screen(ANNE)
    replay()
    assert evidence.find_space(ANNE) is None or {one.state for one in evidence.space(ANNE).consent.providers} == {
        HeldState.REMOVING
    }


def test_a_folder_without_any_decision_does_not_count_as_replayed(
    upstream: Upstream, replay: Replay, journal: FolderJournal, hub: Hub, evidence: Evidence
) -> None:
    upstream.active()
    upstream.refuse()
    withhold(evidence)
    for path in journal.folder.iterdir():
        path.unlink()
    list(service.replay(hub, journal, hub.today()))
    assert transact(hub.engine, hub_state.read).replayed_at is None


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        '{{"at": "2026-01-01T00:00Z", "kind": "permit.cancel", "job": {{"job_id": "{0}", "resident_id": "r-1"}}}}',
        '{{"at": "2026-01-01T00:00Z", "kind": "consent.decide", "job": {{"job_id": "{0}", "resident_id": "r-1"}}}}',
    ],
)
def test_a_damaged_journal_is_replayed_as_far_as_it_goes_and_does_not_count_as_replayed(
    line: str, upstream: Upstream, replay: Replay, journal: FolderJournal, hub: Hub, evidence: Evidence
) -> None:
    (journal.folder / "2026-01-01-a.jsonl").write_text(line.format(uuid4()) + "\n")
    upstream.active()
    upstream.refuse()
    with evidence.database.connect() as connection:
        connection.execute("UPDATE hub_state SET restored_at = now()")
    found = replay()
    assert [damaged.where for damaged in found.damaged] == ["2026-01-01-a.jsonl, line 1"]
    assert found.decisions >= 1
    assert transact(hub.engine, hub_state.read).replayed_at is None
