"""The link in a reminder stops all reminders of its resident, without naming them; an unknown link is refused."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from tests.services.dying import DiedError
from tests.services.evidence import Evidence
from tests.services.outbox import Remind
from tests.services.reminders.test_decide import decide
from tests.services.upstream import ANNE, Upstream
from worker.hub import Hub


@pytest.fixture
def token(reminded: Remind, evidence: Evidence) -> UUID:
    reminded()
    token: UUID = evidence.value("SELECT token FROM reminders")
    return token


def test_a_reminders_token_stops_all_reminders_without_naming_the_resident(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date, token: UUID
) -> None:
    receipt = upstream.send("reminders.stop", upstream.envelope(token=token))
    assert ANNE not in receipt.model_dump_json()
    assert evidence.screen(ANNE).reminders.channel == "none"
    assert decide(hub, today + timedelta(days=25)) == 0


def test_a_stop_sent_again_after_a_crash_is_published_before_its_receipt(
    upstream: Upstream, dying: Upstream, evidence: Evidence, token: UUID
) -> None:
    job = upstream.envelope(token=token)
    evidence.screen(ANNE)
    with pytest.raises(DiedError):
        dying.send("reminders.stop", job)
    assert evidence.space(ANNE).reminders.channel == "email"
    receipt = upstream.send("reminders.stop", job)
    assert (evidence.space(ANNE).reminders.channel, evidence.space(ANNE).version) == ("none", receipt.version)


def test_a_token_of_an_erased_resident_is_refused(upstream: Upstream, token: UUID) -> None:
    upstream.applied("resident.erase")
    receipt = upstream.send("reminders.stop", upstream.envelope(token=token))
    assert (receipt.code, receipt.field) == ("resident_erased", "resident_id")


def test_a_token_of_no_reminder_is_refused(upstream: Upstream, token: UUID) -> None:
    receipt = upstream.send("reminders.stop", upstream.envelope(token=UUID(int=7)))
    assert (receipt.code, receipt.field) == ("unknown_reminder", "token")
