"""Changes of one permit, and what is to be held and listed of it where a provider takes every field."""

from uuid import UUID

from integrations.base import Change
from integrations.sandbox.records import Record
from schemas.shared import Copy, SharedPermit


def put(permit: SharedPermit, version: int = 1) -> Change:
    """Return the change that puts a permit."""
    return Change(permit.reference, version, permit)


def remove(reference: UUID, version: int = 2) -> Change:
    """Return the change that removes a permit."""
    return Change(reference, version, None)


def record(permit: SharedPermit) -> Record:
    """Return what the sandbox is to hold."""
    assert permit.plate is not None
    assert permit.zones is not None
    assert permit.validity is not None
    days = permit.validity.first_day, permit.validity.last_day
    return Record(permit.plate, permit.country, permit.zones, permit.profile, *days)


def copy(permit: SharedPermit) -> Copy:
    """Return what the adapter is to list."""
    return Copy(permit.reference, permit.plate, permit.country, permit.zones, permit.profile, permit.validity)
