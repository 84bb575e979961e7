"""What residents and consumers see: in order, at once, never undone; and again after Redis lost it."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest

from integrations.memory import InMemory
from schemas.events import EventType
from schemas.space import HeldState
from tests.services.dying import DiedError, unsent
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.in_redis import as_operator, read_stream
from tests.services.upstream import ANNE, BOB, EVERYONE, Upstream
from worker.hub import Hub
from worker.live.events import STREAM_LENGTH
from worker.live.spaces import Publication, PublishOutcome, Spaces
from worker.services.clock.sweep import sweep
from worker.services.publishing.publish import republish
from worker.services.sharing.drain import Drain

SHAPE = {"specversion", "id", "source", "type", "subject", "time", "sequence", "datacontenttype", "data"}


def contact(name: str) -> dict[str, str]:
    return {"name": name, "email": "anne@example.fr"}


def test_events_have_the_shape_of_cloud_events(upstream: Upstream, evidence: Evidence) -> None:
    upstream.active()
    (written,) = read_stream(upstream.hub)
    event = json.loads(written)
    assert set(event) == SHAPE
    assert (event["specversion"], event["source"], event["type"]) == ("1.0", "permit-hub", "permit.activated")
    assert (event["subject"], event["sequence"], event["datacontenttype"]) == (ANNE, 1, "application/json")
    assert set(event["data"]) == {"job_id", "permit_ids", "shares"}
    recorded = evidence.query("SELECT event_id::text FROM events")
    assert recorded == [(event["id"],)]


def test_the_event_is_published_before_the_receipt(upstream: Upstream, hub: Hub) -> None:
    with hub.live.client.pubsub() as watching:  # type: ignore[no-untyped-call]
        watching.subscribe(hub.live.key(f"watch:{ANNE}"))
        watching.get_message(timeout=5)
        upstream.active(BOB)
        upstream.active()
        seen = watching.get_message(timeout=5)
        assert b'"subject":"r-anne"' in seen["data"]
        assert watching.get_message(timeout=0) is None


def test_a_space_expires_at_the_end_of_its_day(upstream: Upstream, hub: Hub, today: date) -> None:
    upstream.request()
    ends = datetime.fromtimestamp(as_operator(hub).expiretime(hub.live.key(f"space:{ANNE}")), hub.zone)
    assert ends == datetime.combine(today + timedelta(days=1), time(0), hub.zone)


def test_the_stream_of_events_is_bounded(upstream: Upstream, hub: Hub) -> None:
    fill = "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'event', 'x') end"
    for _ in range(201):  # short calls: on a busy machine a long one would time out and be sent again
        hub.live.client.eval(fill, 1, hub.live.key("events"), STREAM_LENGTH // 200)
    upstream.active()
    assert STREAM_LENGTH <= as_operator(hub).xlen(hub.live.key("events")) <= STREAM_LENGTH + 200


def test_two_changes_published_in_the_wrong_order_are_both_shown(
    upstream: Upstream, dying: Upstream, evidence: Evidence, hub: Hub, today: date
) -> None:
    with pytest.raises(DiedError):
        dying.submit("resident.update_contact", **contact("Anne"))
    first = unsent(dying)
    permit_id = upstream.active()
    assert _sequences(evidence) == [1, 2]
    shown = evidence.space(ANNE)
    assert shown.cards[0].permit_id == permit_id
    assert hub.live.spaces.publish(first) == [PublishOutcome.PUBLISHED]
    assert evidence.space(ANNE) == shown
    assert _sequences(evidence) == [1, 2]


def test_a_publication_waits_for_the_previous_one(dying: Upstream, evidence: Evidence, hub: Hub) -> None:
    for name in ("Anne", "Zoé"):
        with pytest.raises(DiedError):
            dying.submit("resident.update_contact", **contact(name))
    assert hub.live.spaces.publish(unsent(dying)) == [PublishOutcome.GAP]
    assert evidence.find_space(ANNE) is None
    assert evidence.told() == []


def test_a_publication_sent_twice_publishes_its_events_once(dying: Upstream, evidence: Evidence, hub: Hub) -> None:
    with pytest.raises(DiedError):
        dying.submit("resident.update_contact", **contact("Anne"))
    assert hub.live.spaces.publish(unsent(dying)) == [PublishOutcome.PUBLISHED]
    assert hub.live.spaces.publish(unsent(dying)) == [PublishOutcome.PUBLISHED]
    assert _sequences(evidence) == [1]


def test_a_sweep_publishes_changes_that_a_dead_worker_left(
    upstream: Upstream, dying: Upstream, evidence: Evidence, hub: Hub, today: date
) -> None:
    upstream.active()
    with pytest.raises(DiedError):
        dying.allow()
    assert evidence.space(ANNE).version == 1
    sweep(hub, today)
    assert evidence.space(ANNE).version == 2
    assert evidence.space(ANNE).consent.version == 1
    assert [event.type for event in evidence.told(ANNE)] == [EventType.PERMIT_ACTIVATED, EventType.CONSENT_ALLOWED]


def test_a_decision_is_on_its_way_before_it_is_published_and_a_change_after(
    upstream: Upstream, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    publish = Spaces.publish

    def noted(self: Spaces, publications: Sequence[Publication]) -> list[PublishOutcome]:
        steps.append("publish")
        return publish(self, publications)

    monkeypatch.setattr(Spaces, "publish", noted)
    listening = Upstream(replace(hub, send_wake_up=steps.append), upstream.today)
    permit_id = listening.active()
    steps.clear()
    listening.allow(providers=("easypark",))
    assert steps == ["urgent", "publish"]
    steps.clear()
    listening.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": listening.plate()})
    assert (steps[0], "easypark" in steps[1:], "urgent" in steps) == ("publish", True, False)


def test_a_sweep_wakes_the_lanes_that_a_dead_worker_did_not(
    upstream: Upstream, dying: Upstream, wake_ups: list[str], hub: Hub, today: date
) -> None:
    permit_id = upstream.active()
    upstream.allow(providers=("easypark", "flowbird"))
    wake_ups.clear()
    with pytest.raises(DiedError):
        dying.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": upstream.plate()})
    assert wake_ups == []
    sweep(hub, today)
    sweep(hub, today)
    assert sorted(wake_ups) == ["easypark", "flowbird"]


def test_a_sweep_wakes_no_lane_for_shares_that_wait_are_leased_or_done(
    upstream: Upstream, evidence: Evidence, wake_ups: list[str], hub: Hub, today: date
) -> None:
    upstream.active()
    upstream.allow()
    states = dict.fromkeys(EVERYONE, "confirmed_version = wanted_version") | {
        "paybyphone": "due_at = now() + interval '1 hour'",
        "flowbird": "confirmed_version = wanted_version, parked = 'plate_refused'",
        "easypark": "lease_id = gen_random_uuid(), lease_until = now() + interval '5 s'",
    }
    with evidence.database.connect() as connection:
        for name, state in states.items():
            connection.execute(f"UPDATE shares SET {state} WHERE provider = '{name}'")
    for name in EVERYONE:
        hub.live.wake_ups.end(name)
    wake_ups.clear()
    sweep(hub, today)
    assert wake_ups == []


def test_a_job_sent_again_after_a_crash_is_published_before_its_receipt(
    upstream: Upstream, dying: Upstream, evidence: Evidence
) -> None:
    job = upstream.envelope(resident_id=ANNE, **contact("Anne"))
    with pytest.raises(DiedError):
        dying.send("resident.update_contact", job)
    assert evidence.find_space(ANNE) is None
    receipt = upstream.send("resident.update_contact", job)
    assert evidence.space(ANNE).version == receipt.version == 1
    assert _sequences(evidence) == [1]


def test_a_job_sent_again_publishes_the_current_truth(upstream: Upstream, dying: Upstream, evidence: Evidence) -> None:
    job = upstream.envelope(resident_id=ANNE, **contact("Anne"))
    with pytest.raises(DiedError):
        dying.send("resident.update_contact", job)
    upstream.active()
    assert upstream.send("resident.update_contact", job).version == 1
    assert evidence.space(ANNE).version == 2
    assert _sequences(evidence) == [1, 2]


def test_the_sweep_publishes_no_event_twice(upstream: Upstream, evidence: Evidence, hub: Hub, today: date) -> None:
    upstream.active()
    upstream.take_over(upstream.row(), upstream.row(BOB))
    for _ in range(2):
        sweep(hub, today)
        republish(hub, [ANNE, BOB], today)
        hub.live.spaces.drop([ANNE, BOB])
    assert [(event.subject, event.sequence) for event in evidence.told()] == [(ANNE, 1), (ANNE, 2), (BOB, 1)]
    assert evidence.query("SELECT FROM residents WHERE published_version < version") == []


def test_a_routine_confirmation_drops_the_space_and_publishes_no_event(
    upstream: Upstream, evidence: Evidence, hub: Hub, today: date
) -> None:
    upstream.allow()
    upstream.take_over(upstream.row())
    republish(hub, [ANNE], today)
    for name in EVERYONE:
        asyncio.run(Drain(lane_of(hub, InMemory(name, hub.capabilities[name])), hub.today).run())
    assert evidence.find_space(ANNE) is None
    republish(hub, [ANNE], today)
    assert _sequences(evidence) == [1, 2]
    assert {state.state for state in evidence.space(ANNE).consent.providers} == {HeldState.HELD}


def test_a_space_dropped_before_a_sweep_publishes_no_event_twice(
    upstream: Upstream, evidence: Evidence, hub: Hub, today: date
) -> None:
    upstream.active()
    hub.live.spaces.drop([ANNE])
    assert evidence.find_space(ANNE) is None
    upstream.allow()
    assert _sequences(evidence) == [1, 2]


def test_a_change_after_an_import_publishes_no_event_twice(upstream: Upstream, evidence: Evidence) -> None:
    upstream.take_over(upstream.row())
    upstream.active()
    assert _sequences(evidence) == [1, 2]


def test_the_space_of_an_unknown_resident_is_not_published(hub: Hub, today: date, evidence: Evidence) -> None:
    assert republish(hub, ["r-nobody"], today) == {}
    assert evidence.find_space("r-nobody") is None


def test_a_space_with_a_share_under_way_is_made_again_within_seconds(upstream: Upstream, hub: Hub) -> None:
    """A reader may have it stored from just before a confirmation without an event: pages are patient for a minute."""
    upstream.active()
    upstream.allow()
    assert 0 < as_operator(hub).ttl(hub.live.key(f"space:{ANNE}")) <= 15


def test_more_events_than_one_slice_are_all_published(
    upstream: Upstream, dying: Upstream, evidence: Evidence, hub: Hub, today: date
) -> None:
    upstream.active()
    sweep(hub, today)
    with evidence.database.connect() as connection:
        connection.execute(
            "INSERT INTO events (resident_id, sequence, type, data)"
            " SELECT %s, n, 'resident.contact_updated', '{}' FROM generate_series(2, 10500) n",
            [ANNE],
        )
        connection.execute("UPDATE residents SET version = 10500 WHERE resident_id = %s", [ANNE])
    for _ in range(3):
        sweep(hub, today)
    assert _sequences(evidence) == list(range(1, 10_501))
    assert hub.live.spaces.published_versions([ANNE]) == {ANNE: 10_500}


def _sequences(evidence: Evidence) -> list[int]:
    return [event.sequence for event in evidence.told(ANNE)]
