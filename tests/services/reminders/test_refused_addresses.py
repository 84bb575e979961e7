"""An address refused for good is marked and published, until it is changed or tried again."""

from integrations.channels.base import AddressRefusedError, Notice
from tests.services.evidence import Evidence
from tests.services.outbox import Ledger, Outbox, Remind, Send, failing
from tests.services.reminders.test_decide import CONTACT
from tests.services.upstream import ANNE, Upstream
from worker.hub import Hub


def test_an_address_refused_for_good_is_marked_shown_and_published(
    outbox: Outbox, send: Send, reminded: Remind, ledger: Ledger, evidence: Evidence
) -> None:
    reminded()
    outbox.failure = failing(AddressRefusedError, "no_such_mailbox")
    send()
    assert ledger() == [("unreachable", "no_such_mailbox", 0, 0)]
    assert evidence.space(ANNE).reminders.email_refused_at is not None
    assert evidence.told(ANNE)[-1].type == "resident.email_refused"


def test_a_new_address_gets_the_reminder_that_the_old_one_refused(
    upstream: Upstream, outbox: Outbox, send: Send, reminded: Remind, evidence: Evidence
) -> None:
    reminded()
    outbox.failure = failing(AddressRefusedError)
    send()
    outbox.failure = lambda _: None
    upstream.applied("resident.update_contact", **CONTACT)
    assert evidence.space(ANNE).reminders.email_refused_at is not None, "the same address is still refused"
    upstream.applied("resident.update_contact", **CONTACT | {"email": "new@example.fr"})
    assert evidence.space(ANNE).reminders.email_refused_at is None
    send()
    assert [notice.address for notice in outbox.sent] == ["new@example.fr"]


def test_a_refused_address_can_be_tried_again(
    upstream: Upstream, outbox: Outbox, send: Send, reminded: Remind, evidence: Evidence
) -> None:
    reminded()
    outbox.failure = failing(AddressRefusedError)
    send()
    outbox.failure = lambda _: None
    upstream.applied("resident.choose_reminders", channel="email")
    assert evidence.space(ANNE).reminders.email_refused_at is None
    send()
    assert len(outbox.sent) == 1


def test_an_address_changed_before_the_refusal_is_not_marked_and_gets_the_reminder(
    upstream: Upstream, outbox: Outbox, send: Send, reminded: Remind, evidence: Evidence
) -> None:
    reminded()

    def change(_notice: Notice) -> AddressRefusedError:
        upstream.applied("resident.update_contact", **CONTACT | {"email": "new@example.fr"})
        return AddressRefusedError("email", "no_such_mailbox")

    outbox.failure = change
    send()
    assert evidence.space(ANNE).reminders.email_refused_at is None
    outbox.failure = lambda _: None
    send()
    assert [notice.address for notice in outbox.sent] == ["new@example.fr"]


def test_a_failed_marking_of_an_address_sends_no_second_message(
    hub: Hub, outbox: Outbox, send: Send, reminded: Remind, evidence: Evidence
) -> None:
    for number in range(4):
        reminded(f"r-{number}", email=f"r{number}@example.fr")
    outbox.failure = lambda notice: AddressRefusedError("email", "no") if notice.address.startswith("r0") else None
    with evidence.database.connect() as connection, connection.transaction():
        connection.execute("SELECT FROM residents WHERE resident_id = 'r-0' FOR UPDATE")
        send()
    outbox.failure = lambda _: None
    evidence.query("UPDATE reminders SET due_at = now() RETURNING 1")
    send()
    assert sorted(notice.address for notice in outbox.sent) == ["r1@example.fr", "r2@example.fr", "r3@example.fr"]
