"""How long closed permits and other records are kept, in civil days: the last day has the same date months later."""

from datetime import date, timedelta

from worker.domain.permit import Permit, Status
from worker.domain.sharing import Share, is_pending
from worker.domain.terms import add_months


def over_on(permit: Permit, closed_on: date) -> date | None:
    """Return the day from which retention counts: the permit's last, or the day it was closed; None while it is open.

    An active permit may be renewed long after its last day, as long as it is kept.
    """
    if permit.status is Status.ACTIVE:
        return permit.last_day
    return None if permit.is_open else closed_on


def is_due(permit: Permit, by: date) -> bool:
    """Return whether a permit may be over since `by` or longer. A closed one always may: its closing day is unknown."""
    last = over_on(permit, closed_on=by)
    return last is not None and last <= by


def last_known_day(permit: Permit, today: date) -> date:
    """Return the day on which an imported permit counts as closed: its last known day that is past."""
    return min(max(permit.requested_on, permit.last_day or permit.requested_on), today)


def latest_due(today: date, months: int) -> date:
    """Return the latest day from which a retention of so many months is over today."""
    day = add_months(today, -months)
    return day if add_months(day, months) < today else day - timedelta(days=1)


def may_be_held(share: Share) -> bool:
    """Return whether a provider may still hold anything; an unconfirmed change counts as held."""
    return share.holds is not False or is_pending(share)
