"""How the passing of days changes a permit."""

from datetime import date, timedelta

from worker.domain.permit import Permit, Status
from worker.domain.terms import running


def is_lapsed(permit: Permit, today: date) -> bool:
    """Return whether an active permit is not in force today: its last term is over, or the next has not begun."""
    run = running(permit.terms, today)
    return permit.status is Status.ACTIVE and (run is None or run.first_day > today)


def is_interrupted(permit: Permit, today: date) -> bool:
    """Return whether an active permit is past a term that no other followed the next day."""
    over = max((term.last_day for term in permit.terms if term.last_day < today), default=None)
    run = running(permit.terms, today)
    goes_on = over is None or (run is not None and run.first_day <= over + timedelta(days=1))
    return permit.status is Status.ACTIVE and not goes_on
