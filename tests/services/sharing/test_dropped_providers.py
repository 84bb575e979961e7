"""A provider that leaves the settings for a while: nothing fails, and its data is corrected on its return."""

from dataclasses import replace

import pytest

from schemas.receipts import Outcome
from tests.services.upstream import ANNE, Upstream

PROVIDER = "easypark"


@pytest.fixture
def without(hub, today):
    """Return an upstream whose hub does not know the provider, as after a restart with other settings."""

    def refuse_unknown(name):
        assert name != PROVIDER, "there is no such queue"

    known = {name: one for name, one in hub.capabilities.items() if name != PROVIDER}
    return Upstream(replace(hub, capabilities=known, send_wake_up=refuse_unknown), today)


@pytest.fixture
def shared(upstream, deliver):
    permit_id = upstream.active()
    upstream.allow()
    deliver()
    return permit_id


def test_a_refusal_naming_a_dropped_provider_waits_for_its_return(shared, without, deliver, twins):
    assert without.refuse(ANNE).outcome is Outcome.APPLIED
    deliver()
    assert not twins[PROVIDER].held


def test_changes_during_a_providers_absence_are_sent_on_its_return(shared, without, deliver, twins):
    before = dict(twins[PROVIDER].held)
    without.applied("permit.change_vehicle", permit_id=shared, plate={"raw": without.plate()})
    deliver()
    assert twins[PROVIDER].held.keys() == before.keys()
    assert twins[PROVIDER].held != before
