"""What a day that has passed makes of a permit."""

from datetime import date

from worker.domain.permit import Permit, Status
from worker.domain.terms import running


def is_lapsed(permit: Permit, today: date) -> bool:
    """Say whether an active permit is not in force today: its last term is over, or the next has not begun."""
    run = running(permit.terms, today)
    return permit.status is Status.ACTIVE and (run is None or run.first_day > today)
