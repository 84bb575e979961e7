"""How long a permit reserves its plate: one plate, one permit at a time."""

from datetime import date

from worker.domain.permit import NewTerm, Permit, Status

OPEN_ENDED = date.max


def reserved_until(permit: Permit, today: date) -> date | None:
    """Return the last day on which no other permit may have this plate; None when it is free.

    A plate is reserved from approval, or from the request of a renewal, so that no resident is refused after paying.
    """
    if permit.status is Status.AWAITING_PAYMENT:
        return OPEN_ENDED
    if permit.status is not Status.ACTIVE:
        return None
    if isinstance(permit.pending, NewTerm):
        return OPEN_ENDED
    last_day = permit.last_day
    return last_day if last_day is not None and last_day >= today else None
