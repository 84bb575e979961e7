"""Redis flushed, restored or unavailable: no space goes back, and all are shown again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
import redis

from tests.services.dying import DiedError, unsent
from tests.services.evidence import Evidence
from tests.services.hubs import running_hub
from tests.services.in_redis import as_operator, read_document
from tests.services.upstream import ANNE, BOB, Upstream
from worker.hub import Hub
from worker.live.spaces import Publication, PublishOutcome, Spaces
from worker.services.clock.sweep import sweep
from worker.services.jobs.handle import HubUnavailableError
from worker.services.publishing.publish import republish
from worker.settings import Settings


def test_after_redis_lost_all_data_the_space_returns_in_a_new_epoch(
    upstream: Upstream, evidence: Evidence, hub: Hub, today: date
) -> None:
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


def test_a_writer_of_an_earlier_epoch_cannot_put_an_old_document(
    upstream: Upstream, dying: Upstream, evidence: Evidence, hub: Hub, today: date
) -> None:
    upstream.active()
    with pytest.raises(DiedError):
        dying.submit("resident.update_contact", name="Anne", email="anne@example.fr")
    stale = unsent(dying)
    _flush(hub)
    assert hub.live.spaces.publish(stale) == [PublishOutcome.EPOCH]
    upstream.allow()
    shown = evidence.space(ANNE)
    assert hub.live.spaces.publish(stale) == [PublishOutcome.EPOCH]
    assert evidence.space(ANNE) == shown


def test_a_process_frozen_during_a_flush_continues_in_the_new_epoch(
    upstream: Upstream, evidence: Evidence, settings: Settings, hub: Hub, today: date
) -> None:
    upstream.active()
    with running_hub(settings, lambda _: None) as other:
        Upstream(other, today).active(BOB)
        _flush(hub)
        sweep(other, today)
    upstream.allow()
    assert evidence.space(ANNE).epoch == int(read_document(hub, "epoch"))


def test_a_redis_restored_from_a_backup_shows_the_truth_again(
    upstream: Upstream, evidence: Evidence, hub: Hub, today: date
) -> None:
    upstream.active()
    sweep(hub, today)
    keys = [hub.live.key(name) for name in (f"space:{ANNE}", "epoch", "events")]
    backup = [as_operator(hub).dump(key) for key in keys]
    upstream.allow()
    sweep(hub, today)
    for key, value in zip(keys, backup, strict=True):
        assert value is not None
        as_operator(hub).restore(key, 0, value, replace=True)
    with evidence.database.connect() as connection:
        connection.execute("UPDATE hub_state SET redis_run_id = 'the process before the restore'")
    assert evidence.space(ANNE).version == 1
    sweep(hub, today)
    assert evidence.find_space(ANNE) is None  # its reader asks for a new one
    republish(hub, [ANNE], today)
    shown = evidence.space(ANNE)
    assert (shown.version, shown.consent.version) == (2, 1)
    sweep(hub, today)
    assert evidence.space(ANNE).epoch == shown.epoch


def test_an_epoch_never_decreases_even_after_a_database_restore(
    upstream: Upstream, evidence: Evidence, hub: Hub, today: date
) -> None:
    sweep(hub, today)
    hub.live.client.set(hub.live.key("epoch"), 41)
    sweep(hub, today)
    assert int(read_document(hub, "epoch")) == 42
    assert evidence.value("SELECT epoch FROM hub_state") == 42


def test_a_change_made_while_redis_is_unavailable_has_no_receipt_and_shows_later(
    upstream: Upstream, evidence: Evidence, hub: Hub, today: date
) -> None:
    upstream.active()

    class Gone(Spaces):
        def publish(self, publications: Sequence[Publication]) -> list[PublishOutcome]:
            raise redis.ConnectionError("connection refused")

    live = replace(hub.live, spaces=Gone(hub.live.keyspace, hub.live.epoch, hub.zone))
    with pytest.raises(HubUnavailableError):
        Upstream(replace(hub, live=live), today).allow()
    sweep(hub, today)
    assert evidence.space(ANNE).consent.version == 1


def _flush(hub: Hub) -> None:
    """Delete all that Redis holds for this test, as FLUSHALL would."""
    hub.live.client.unlink(*as_operator(hub).keys(hub.live.key("*")))
