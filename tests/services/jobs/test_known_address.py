"""A resident's screen says whether their e-mail address is known, from the very moment at which that changes."""

import pytest

from tests.services.upstream import ANNE, BOB
from worker.services.publishing.publish import republish

CONTACT = {"name": "Élodie Exemple", "email": "elodie@example.fr", "language": "fr"}


@pytest.fixture
def known(evidence):
    """Return what says whether an address is known, as it stands on the screen that was published."""

    def known(resident=ANNE):
        return evidence.screen(resident).reminders.email_known

    return known


@pytest.mark.parametrize("come", ["request", "import", "consent"])
def test_of_whoever_comes_without_one_none_is_known(upstream, known, come):
    if come == "request":
        upstream.request()
    elif come == "import":
        upstream.take_over(upstream.row())
    else:
        upstream.allow()
    assert known() is False


def test_it_is_known_as_soon_as_it_is_told_and_of_nobody_else(upstream, evidence, known):
    for resident in (ANNE, BOB):
        upstream.request(resident)
    upstream.applied("resident.update_contact", **CONTACT)
    assert (known(), known(BOB)) == (True, False)
    assert evidence.space(ANNE).version == evidence.told(ANNE)[-1].sequence


def test_whoever_is_first_heard_of_by_their_address_has_one_that_is_known(upstream, known):
    upstream.applied("resident.update_contact", **CONTACT)
    assert known() is True


def test_it_stays_known_whatever_else_happens(hub, upstream, evidence, known, today):
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


def test_an_address_that_takes_nothing_is_known(upstream, evidence, known):
    upstream.applied("resident.update_contact", **CONTACT)
    evidence.query("UPDATE residents SET email_refused_at = now() RETURNING 1")
    upstream.request()
    assert known() is True
    assert evidence.space(ANNE).reminders.email_refused_at is not None


def test_once_it_is_erased_none_is_known_and_none_takes_nothing(upstream, evidence, known):
    upstream.applied("resident.update_contact", **CONTACT)
    evidence.query("UPDATE residents SET email_refused_at = now() RETURNING 1")
    upstream.applied("resident.erase")
    assert known() is False
    assert evidence.space(ANNE).reminders.email_refused_at is None
