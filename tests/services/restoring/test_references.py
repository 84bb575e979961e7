"""A share that a restore lost has the same reference again, so that its provider can be told to change or remove it."""

from uuid import uuid4

import pytest

from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.restoring.conftest import Held, Step
from tests.services.upstream import ANNE, CITY, EVERYONE, Upstream
from worker.db.sharing.shares import ShareKey, reference_of
from worker.hub import Hub


def references(evidence: Evidence) -> dict[str, str]:
    return dict(evidence.query("SELECT provider, reference::text FROM shares"))


def test_references_differ_and_are_derived_with_the_key(upstream: Upstream, evidence: Evidence, hub: Hub) -> None:
    permit_id = upstream.active()
    upstream.allow()
    found = references(evidence)
    assert len(set(found.values())) == len(EVERYONE) + 1
    for name, reference in found.items():
        assert reference == str(reference_of(ShareKey(permit_id, name), hub.keys.current))
        assert reference != str(reference_of(ShareKey(permit_id, name), b"another key"))


def test_a_permit_that_is_requested_again_after_a_restore_takes_over_its_copies(
    upstream: Upstream, backup: Step, go_back: Step, deliver: Deliver, held: Held, evidence: Evidence
) -> None:
    wish = upstream.wish(uuid4()) | {"profile": "low_emission"}
    backup()
    for _ in range(2):
        upstream.applied("permit.request", **wish)
        upstream.allow(seen=0)
        deliver("paybyphone", CITY)
        before = references(evidence)
        go_back()
    upstream.applied("permit.request", **wish)
    upstream.allow(seen=0)
    assert references(evidence) == before
    assert held()["paybyphone"] == 1


def test_a_reference_that_a_restored_database_found_at_a_provider_first_is_not_taken(
    upstream: Upstream, evidence: Evidence, hub: Hub
) -> None:
    permit_id = uuid4()
    taken = reference_of(ShareKey(permit_id, "easypark"), hub.keys.current)
    with evidence.database.connect() as connection:
        connection.execute(
            """
            INSERT INTO shares (permit_id, provider, reference, wanted_version, confirmed_version, urgency, due_at,
                claimed_version, failures, requests)
            VALUES (gen_random_uuid(), 'easypark', %s, 1, 0, 2, now(), 0, 0, 0)
            """,
            [taken],
        )
    upstream.allow()
    upstream.applied("permit.request", **upstream.wish(permit_id) | {"profile": "low_emission"})
    found = evidence.query("SELECT reference FROM shares WHERE permit_id = %s AND provider = 'easypark'", permit_id)
    assert len(found) == 1
    assert found != [(taken,)]


@pytest.mark.usefixtures("deliver")
def test_a_share_keeps_its_reference_when_it_changes(upstream: Upstream, evidence: Evidence) -> None:
    upstream.active()
    upstream.allow()
    before = references(evidence)
    upstream.refuse()
    upstream.allow(seen=2)
    assert references(evidence) == before
    assert ANNE not in str(before)
