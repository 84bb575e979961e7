"""A provider that leaves the settings for a while: what it holds is put right when it is back, and nothing fails."""

from dataclasses import replace

import pytest

from schemas.receipts import Outcome
from tests.services.upstream import ANNE, Upstream

PROVIDER = "easypark"


@pytest.fixture
def without(hub, today):
    """Return an upstream whose hub knows nothing of the provider, as after a restart with other settings."""

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


def test_a_refusal_that_names_it_is_answered_and_waits_for_it(shared, without, deliver, twins):
    assert without.refuse(ANNE).outcome is Outcome.APPLIED
    deliver()
    assert not twins[PROVIDER].held


def test_what_changed_meanwhile_is_sent_when_it_is_back(shared, without, deliver, twins):
    before = dict(twins[PROVIDER].held)
    without.applied("permit.change_vehicle", permit_id=shared, plate={"raw": without.plate()})
    deliver()
    assert twins[PROVIDER].held.keys() == before.keys()
    assert twins[PROVIDER].held != before
