"""What a day that has passed makes of a permit."""

from datetime import date

from worker.domain.permit import Permit, Status
from worker.domain.terms import running


def is_late(permit: Permit, today: date) -> bool:
    """Say whether what waits for a payment was not paid by its last day."""
    unpaid = permit.unpaid
    return unpaid is not None and unpaid.pay_by is not None and unpaid.pay_by < today


def is_lapsed(permit: Permit, today: date) -> bool:
    """Say whether an active permit is not in force today: its last term is over, or the next has not begun."""
    run = running(permit.terms, today)
    return permit.status is Status.ACTIVE and (run is None or run.first_day > today)
