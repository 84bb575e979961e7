"""What a permit brings about beside itself: the reservation of its plate, and what a provider holds."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

from worker.db.jobs.plates import Assignment
from worker.domain.consent import ConsentDecision, decision_on, shared_permit
from worker.domain.permit import Permit
from worker.domain.plates import plate_key
from worker.domain.reservation import OPEN_ENDED, reserved_until
from worker.hub import Hub

ANY_REFERENCE = UUID(int=0)  # of a share that has no reference yet: it changes nothing in whether anything is shared


def is_shared(hub: Hub, permit: Permit, ledger: Sequence[ConsentDecision], provider: str, today: date) -> bool:
    """Return whether a provider of this installation is to hold anything about a permit."""
    capabilities = hub.capabilities.get(provider)
    if capabilities is None:
        return False
    return shared_permit(permit, decision_on(provider, ledger), capabilities, ANY_REFERENCE, today) is not None


def assignment_of(hub: Hub, permit: Permit, today: date) -> Assignment:
    """Return a permit's reservation of its plate from now on."""
    until = reserved_until(permit, today)
    keys = {name: plate_key(permit.plate, key) for name, key in hub.keys.known.items()}
    end = None if until is None else end_of(hub, until)
    return Assignment(permit.permit_id, permit.plate, keys, until is not None, end)


def end_of(hub: Hub, last_day: date) -> datetime | None:
    """Return the midnight that ends a civil day in the city; None for an open-ended reservation."""
    if last_day == OPEN_ENDED:
        return None
    return datetime.combine(last_day + timedelta(days=1), time(0), hub.zone)
