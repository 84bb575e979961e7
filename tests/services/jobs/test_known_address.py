"""The space shows whether a resident's e-mail address is known, from the moment that it changes."""

from datetime import date
from typing import Protocol

import pytest

from tests.services.evidence import Evidence
from tests.services.upstream import ANNE, BOB, Upstream
from worker.hub import Hub
from worker.services.publishing.publish import republish

CONTACT = {"name": "Élodie Exemple", "email": "elodie@example.fr", "language": "fr"}


class Known(Protocol):
    def __call__(self, resident: str = ...) -> bool: ...


@pytest.fixture
def known(evidence: Evidence) -> Known:
    """Return a function that reads from the published space whether an address is known."""

    def known(resident: str = ANNE) -> bool:
        return evidence.screen(resident).reminders.email_known

    return known


@pytest.mark.parametrize("come", ["request", "import", "consent"])
def test_a_new_resident_has_no_known_address(upstream: Upstream, known: Known, come: str) -> None:
    if come == "request":
        upstream.request()
    elif come == "import":
        upstream.take_over(upstream.row())
    else:
        upstream.allow()
    assert known() is False


def test_an_address_shows_as_known_at_once_and_for_its_resident_only(
    upstream: Upstream, evidence: Evidence, known: Known
) -> None:
    for resident in (ANNE, BOB):
        upstream.request(resident)
    upstream.applied("resident.update_contact", **CONTACT)
    assert (known(), known(BOB)) == (True, False)
    assert evidence.space(ANNE).version == evidence.told(ANNE)[-1].sequence


def test_a_resident_created_by_a_contact_update_has_a_known_address(upstream: Upstream, known: Known) -> None:
    upstream.applied("resident.update_contact", **CONTACT)
    assert known() is True


def test_an_address_stays_known_through_other_jobs(
    hub: Hub, upstream: Upstream, evidence: Evidence, known: Known, today: date
) -> None:
    upstream.applied("resident.update_contact", **CONTACT)
    for happens in (
        lambda: upstream.request(),
        lambda: upstream.take_over(upstream.row()),
        lambda: upstream.applied("resident.choose_reminders", channel="none"),
        lambda: upstream.applied("resident.choose_reminders", channel="email"),
        lambda: republish(hub, [ANNE], today),
    ):
        happens()
        assert known() is True


def test_a_refused_address_still_shows_as_known(upstream: Upstream, evidence: Evidence, known: Known) -> None:
    upstream.applied("resident.update_contact", **CONTACT)
    evidence.query("UPDATE residents SET email_refused_at = now() RETURNING 1")
    upstream.request()
    assert known() is True
    assert evidence.space(ANNE).reminders.email_refused_at is not None


def test_after_an_erasure_no_address_is_known_or_refused(upstream: Upstream, evidence: Evidence, known: Known) -> None:
    upstream.applied("resident.update_contact", **CONTACT)
    evidence.query("UPDATE residents SET email_refused_at = now() RETURNING 1")
    upstream.applied("resident.erase")
    assert known() is False
    assert evidence.space(ANNE).reminders.email_refused_at is None
