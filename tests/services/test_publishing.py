"""What residents and consumers see: in order, at once, never back; and again after Redis has lost it."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
import redis

from integrations.memory import InMemory
from schemas.events import EventType
from schemas.space import HeldState
from tests.services.hubs import running_hub
from tests.services.upstream import ANNE, BOB, EVERYONE, Upstream
from worker.live import STREAM_LENGTH, Answer, Live, Publication
from worker.services.drain import Drain
from worker.services.jobs import OutOfReachError
from worker.services.publish import follow_redis, forget, republish
from worker.services.sweep import sweep

SHAPE = {"specversion", "id", "source", "type", "subject", "time", "sequence", "datacontenttype", "data"}


class DiedError(Exception):
    """A worker is gone between its commit and what follows."""


class Dying(Live):
    """Redis as a worker sees it that dies before it publishes; what it would have published is kept."""

    def publish(self, publications: Sequence[Publication]) -> list[Answer]:
        self.unsent = publications
        raise DiedError


@pytest.fixture
def dying(hub, today):
    """Return an upstream whose worker dies after each commit."""
    follow_redis(hub, today)
    live = Dying(hub.live.client, hub.live.key(""), hub.zone)
    live.epoch = hub.live.epoch
    return Upstream(replace(hub, live=live), today)


def contact(name):
    return {"name": name, "email": "anne@example.fr"}


def test_events_have_the_shape_of_cloud_events(upstream, evidence):
    upstream.active()
    ((_, fields),) = upstream.hub.live.client.xrange(upstream.hub.live.key("events"))
    event = json.loads(fields[b"event"])
    assert set(event) == SHAPE
    assert (event["specversion"], event["source"], event["type"]) == ("1.0", "permit-hub", "permit.activated")
    assert (event["subject"], event["sequence"], event["datacontenttype"]) == (ANNE, 1, "application/json")
    assert set(event["data"]) == {"job_id", "permit_ids", "shares"}
    recorded = evidence.query("SELECT event_id::text FROM events")
    assert recorded == [(event["id"],)]


def test_who_watches_is_told_before_the_receipt_is_out(upstream, hub):
    with hub.live.client.pubsub() as watching:
        watching.subscribe(hub.live.key(f"watch:{ANNE}"))
        watching.get_message(timeout=5)
        upstream.active(BOB)
        upstream.active()
        seen = watching.get_message(timeout=5)
        assert b'"subject":"r-anne"' in seen["data"]
        assert watching.get_message(timeout=0) is None


def test_a_document_ends_with_the_day_whose_offers_it_shows(upstream, hub, today):
    upstream.active()
    ends = datetime.fromtimestamp(hub.live.client.expiretime(hub.live.key(f"space:{ANNE}")), hub.zone)
    assert ends == datetime.combine(today + timedelta(days=1), time(0), hub.zone)


def test_the_stream_of_events_is_bounded(upstream, hub):
    fill = "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'event', 'x') end"
    hub.live.client.eval(fill, 1, hub.live.key("events"), STREAM_LENGTH + 500)
    upstream.active()
    assert STREAM_LENGTH <= hub.live.client.xlen(hub.live.key("events")) <= STREAM_LENGTH + 200


def test_of_two_changes_published_in_the_wrong_order_none_is_lost_and_none_undone(
    upstream, dying, evidence, hub, today
):
    with pytest.raises(DiedError):
        dying.submit("resident.update_contact", **contact("Anne"))
    first = dying.hub.live.unsent
    permit_id = upstream.active()
    assert _sequences(evidence) == [1, 2]
    shown = evidence.space(ANNE)
    assert shown.cards[0].permit_id == permit_id
    assert hub.live.publish(first) == [Answer.PUBLISHED]
    assert evidence.space(ANNE) == shown
    assert _sequences(evidence) == [1, 2]


def test_a_publication_waits_for_the_one_before_it(dying, evidence, hub):
    for name in ("Anne", "Zoé"):
        with pytest.raises(DiedError):
            dying.submit("resident.update_contact", **contact(name))
    assert hub.live.publish(dying.hub.live.unsent) == [Answer.GAP]
    assert evidence.space(ANNE) is None
    assert evidence.told() == []


def test_a_publication_that_is_sent_twice_tells_once(dying, evidence, hub):
    with pytest.raises(DiedError):
        dying.submit("resident.update_contact", **contact("Anne"))
    assert hub.live.publish(dying.hub.live.unsent) == [Answer.PUBLISHED]
    assert hub.live.publish(dying.hub.live.unsent) == [Answer.PUBLISHED]
    assert _sequences(evidence) == [1]


def test_a_sweep_publishes_what_a_worker_left_behind(upstream, dying, evidence, hub, today):
    upstream.active()
    with pytest.raises(DiedError):
        dying.allow()
    assert evidence.space(ANNE).version == 1
    sweep(hub, today)
    assert evidence.space(ANNE).version == 2
    assert evidence.space(ANNE).consent.version == 1
    assert [event.type for event in evidence.told(ANNE)] == [EventType.PERMIT_ACTIVATED, EventType.CONSENT_ALLOWED]


def test_a_sweep_wakes_the_drains_that_a_worker_did_not(upstream, dying, kicks, hub, today):
    upstream.active()
    with pytest.raises(DiedError):
        dying.allow(providers=("easypark", "flowbird"))
    assert kicks == []
    sweep(hub, today)
    sweep(hub, today)
    assert sorted(kicks) == ["easypark", "flowbird"]


def test_a_sweep_wakes_nobody_for_what_waits_is_parked_leased_or_done(upstream, evidence, kicks, hub, today):
    upstream.active()
    upstream.allow()
    states = {
        "paybyphone": "due_at = now() + interval '1 hour'",
        "flowbird": "parked = 'plate_refused'",
        "easypark": "lease_id = gen_random_uuid(), lease_until = now() + interval '5 s'",
        "indigo_neo": "confirmed_version = wanted_version",
    }
    with evidence.database.connect() as connection:
        for name, state in states.items():
            connection.execute(f"UPDATE shares SET {state} WHERE provider = '{name}'")
    for name in EVERYONE:
        hub.live.end_kick(name)
    kicks.clear()
    sweep(hub, today)
    assert kicks == []


def test_a_job_sent_again_after_a_crash_is_published_before_it_is_answered(upstream, dying, evidence):
    job = upstream.envelope(resident_id=ANNE, **contact("Anne"))
    with pytest.raises(DiedError):
        dying.send("resident.update_contact", job)
    assert evidence.space(ANNE) is None
    receipt = upstream.send("resident.update_contact", job)
    assert evidence.space(ANNE).version == receipt.version == 1
    assert _sequences(evidence) == [1]


def test_a_job_sent_again_shows_what_is_true_by_now(upstream, dying, evidence):
    job = upstream.envelope(resident_id=ANNE, **contact("Anne"))
    with pytest.raises(DiedError):
        dying.send("resident.update_contact", job)
    upstream.active()
    assert upstream.send("resident.update_contact", job).version == 1
    assert evidence.space(ANNE).version == 2
    assert _sequences(evidence) == [1, 2]


def test_what_the_sweep_has_seen_published_is_not_told_again(upstream, evidence, hub, today):
    upstream.active()
    upstream.take_over(upstream.row(), upstream.row(BOB))
    for _ in range(2):
        sweep(hub, today)
        republish(hub, [ANNE, BOB], today)
        forget(hub, [ANNE, BOB])
    assert [(event.subject, event.sequence) for event in evidence.told()] == [(ANNE, 1), (ANNE, 2), (BOB, 1)]
    assert evidence.query("SELECT FROM residents WHERE published_version < version") == []


def test_a_routine_confirmation_drops_the_document_and_tells_nothing_again(upstream, evidence, hub, today):
    upstream.allow()
    upstream.take_over(upstream.row())
    republish(hub, [ANNE], today)
    for name in EVERYONE:
        asyncio.run(Drain(hub, InMemory(name, hub.capabilities[name]), hub.today).run())
    assert evidence.space(ANNE) is None
    republish(hub, [ANNE], today)
    assert _sequences(evidence) == [1, 2]
    assert {state.state for state in evidence.space(ANNE).consent.providers} == {HeldState.HELD}


def test_a_document_dropped_before_a_sweep_saw_it_tells_nothing_again(upstream, evidence, hub, today):
    upstream.active()
    forget(hub, [ANNE])
    assert evidence.space(ANNE) is None
    upstream.allow()
    assert _sequences(evidence) == [1, 2]


def test_a_change_after_an_import_tells_nothing_twice(upstream, evidence):
    upstream.take_over(upstream.row())
    upstream.active()
    assert _sequences(evidence) == [1, 2]


def test_a_space_nobody_knows_is_not_published(hub, today, evidence):
    assert republish(hub, ["r-nobody"], today) == {}
    assert evidence.space("r-nobody") is None


def test_after_redis_lost_everything_the_space_comes_back_in_a_new_epoch(upstream, evidence, hub, today):
    upstream.active()
    before = evidence.space(ANNE)
    _flush(hub)
    upstream.allow()
    after = evidence.space(ANNE)
    assert (after.epoch, after.version) > (before.epoch, before.version)
    assert after.epoch > before.epoch
    _flush(hub)
    sweep(hub, today)
    assert republish(hub, [ANNE], today) == {ANNE: 2}
    assert evidence.space(ANNE).epoch > after.epoch


def test_a_writer_from_before_redis_lost_everything_cannot_put_an_old_document(upstream, dying, evidence, hub, today):
    upstream.active()
    with pytest.raises(DiedError):
        dying.submit("resident.update_contact", **contact("Anne"))
    stale = dying.hub.live.unsent
    _flush(hub)
    assert hub.live.publish(stale) == [Answer.EPOCH]
    upstream.allow()
    shown = evidence.space(ANNE)
    assert hub.live.publish(stale) == [Answer.EPOCH]
    assert evidence.space(ANNE) == shown


def test_a_process_that_slept_through_a_flush_goes_on_in_the_new_epoch(upstream, evidence, settings, hub, today):
    upstream.active()
    with running_hub(settings, lambda _: None) as other:
        Upstream(other, today).active(BOB)
        _flush(hub)
        sweep(other, today)
    upstream.allow()
    assert evidence.space(ANNE).epoch == int(hub.live.client.get(hub.live.key("epoch")))


def test_a_redis_restored_from_a_backup_is_brought_up_to_date(upstream, evidence, hub, today):
    upstream.active()
    sweep(hub, today)
    keys = [hub.live.key(name) for name in (f"space:{ANNE}", "epoch", "events")]
    backup = [hub.live.client.dump(key) for key in keys]
    upstream.allow()
    sweep(hub, today)
    for key, value in zip(keys, backup, strict=True):
        hub.live.client.restore(key, 0, value, replace=True)
    with evidence.database.connect() as connection:
        connection.execute("UPDATE hub_state SET redis_run_id = 'the process before the restore'")
    assert evidence.space(ANNE).version == 1
    sweep(hub, today)
    shown = evidence.space(ANNE)
    assert (shown.version, shown.consent.version) == (2, 1)
    sweep(hub, today)
    assert evidence.space(ANNE).epoch == shown.epoch


def test_an_epoch_never_goes_back_even_if_the_databases_own_was_restored(upstream, evidence, hub, today):
    sweep(hub, today)
    hub.live.client.set(hub.live.key("epoch"), 41)
    sweep(hub, today)
    assert int(hub.live.client.get(hub.live.key("epoch"))) == 42
    assert evidence.value("SELECT epoch FROM hub_state") == 42


def test_a_change_made_while_redis_is_away_has_no_receipt_and_is_seen_later(upstream, evidence, hub, today):
    upstream.active()

    class Gone(Live):
        def publish(self, publications: Sequence[Publication]) -> list[Answer]:
            raise redis.ConnectionError("connection refused")

    live = Gone(hub.live.client, hub.live.key(""), hub.zone)
    with pytest.raises(OutOfReachError):
        Upstream(replace(hub, live=live), today).allow()
    sweep(hub, today)
    assert evidence.space(ANNE).consent.version == 1


def test_more_left_over_than_fits_one_reading_is_told_in_full(upstream, dying, evidence, hub, today):
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
    assert evidence.space(ANNE).version == 10_500


def _sequences(evidence):
    return [event.sequence for event in evidence.told(ANNE)]


def _flush(hub):
    """Lose all that Redis holds for this test, as FLUSHALL would."""
    hub.live.client.unlink(*hub.live.client.keys(hub.live.key("*")))
