"""The order of sending: longest due first; dropped reminders end no run; a new decision starts without failures."""

from collections.abc import Callable
from datetime import date

from integrations.base import Limit
from integrations.channels.base import LaterError
from tests.services.evidence import Evidence
from tests.services.outbox import Ledger, Outbox, Remind, Send, failing
from tests.services.reminders.test_decide import decide
from tests.services.upstream import Upstream
from worker.hub import Hub

DUE_SINCE = """
    UPDATE reminders m SET due_at = now() - make_interval(mins => %s) FROM permits p
    WHERE p.permit_id = m.permit_id AND p.resident_id = %s RETURNING 1
"""


def test_the_longest_due_reminder_is_sent_first(
    outbox: Outbox, send: Send, reminded: Remind, evidence: Evidence
) -> None:
    for number, minutes in enumerate((2, 1, 4, 3)):
        reminded(f"r-{number}", email=f"r{number}@example.fr")
        evidence.query(DUE_SINCE, minutes, f"r-{number}")
    outbox.limits = (Limit(1, 3600),)
    send()
    assert [notice.address for notice in outbox.sent] == ["r2@example.fr"]


def test_a_dropped_reminder_does_not_end_a_run(
    upstream: Upstream, outbox: Outbox, send: Send, reminded: Remind, evidence: Evidence
) -> None:
    for number in range(5):
        reminded(f"r-{number}")
        evidence.query(DUE_SINCE, 9 - number, f"r-{number}")
    for number in range(4):
        upstream.applied("resident.choose_reminders", f"r-{number}", channel="none")
    outbox.at_once = 1
    send()
    assert len(outbox.sent) == 1


def test_a_reminder_decided_again_starts_without_failures(
    hub: Hub,
    upstream: Upstream,
    outbox: Outbox,
    send: Send,
    reminded: Remind,
    later: Callable[[], None],
    ledger: Ledger,
    today: date,
) -> None:
    reminded()
    outbox.failure = failing(LaterError, "put_off")
    send()
    later()
    upstream.applied("resident.choose_reminders", channel="none")
    send()
    assert ledger()[0][0] == "dropped"
    upstream.applied("resident.choose_reminders", channel="email")
    decide(hub, today)
    ((state, _, failures, _),) = ledger()
    assert (state, failures) == ("due", 0)
