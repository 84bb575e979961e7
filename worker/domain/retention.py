"""How long what is over is kept, in civil days: the same date some months later is the last one."""

from datetime import date, timedelta

from worker.domain.permit import Permit, Status
from worker.domain.sharing import Share, is_pending
from worker.domain.terms import add_months


def over_on(permit: Permit, closed_on: date) -> date | None:
    """Return the day from which a permit is kept: its last, or the one on which it was closed; None while it is open.

    An active one may be renewed long after its last day, as long as it is kept.
    """
    if permit.status is Status.ACTIVE:
        return permit.last_day
    return None if permit.is_open else closed_on


def is_due(permit: Permit, by: date) -> bool:
    """Say whether a permit may be over since a day or longer; the day on which it was closed is not known of it."""
    last = over_on(permit, closed_on=by)
    return last is not None and last <= by


def last_known_day(permit: Permit, today: date) -> date:
    """Return the day on which a permit that is taken over counts as closed: its last one that is known and past."""
    return min(max(permit.requested_on, permit.last_day or permit.requested_on), today)


def latest_due(today: date, months: int) -> date:
    """Return the latest day that what is kept for so many months from it is no longer kept today."""
    day = add_months(today, -months)
    return day if add_months(day, months) < today else day - timedelta(days=1)


def may_be_held(share: Share) -> bool:
    """Say whether a provider may still hold anything; what it has yet to confirm counts."""
    return share.holds is not False or is_pending(share)
