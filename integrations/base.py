"""The contract between the sharing engine and every provider's adapter."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.errors import FailureCode, RejectedError
from schemas.shared import SharedField, SharedPermit, Validity

Value = TypeVar("Value")


class LegalBasis(StrEnum):
    """Why a provider may receive data at all."""

    CONSENT = "consent"
    PUBLIC_TASK = "public_task"  # the city's own meters and enforcement: untouched by consent


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider needs and can do; the engine asks these, never a name."""

    fields: frozenset[SharedField]
    legal_basis: LegalBasis


class Adapter(Protocol):
    """One provider. Every call is one bounded exchange; the caller sets the deadline with `asyncio.timeout_at`.

    Both calls are idempotent, return only when the provider has acknowledged, and raise a
    `integrations.errors.ProviderError` otherwise.
    """

    name: str
    capabilities: Capabilities

    async def put(self, permit: SharedPermit) -> None:
        """Make the provider hold exactly this, whether or not it held something before."""

    async def remove(self, reference: UUID) -> None:
        """Make the provider hold nothing under this reference; holding nothing already is success."""

    async def aclose(self) -> None:
        """Close the connections."""


def needed(provider: str, value: Value | None) -> Value:
    """Return a field that the provider declared to need.

    Raises:
        RejectedError: it is not there; a right is never sent with a part left out.
    """
    if value is None:
        raise RejectedError(provider, FailureCode.FIELD_MISSING)
    return value


def instants(validity: Validity, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first instant of a validity and the first one after it, in the city's time zone."""
    after = validity.last_day + timedelta(days=1)
    return datetime.combine(validity.first_day, time(), zone), datetime.combine(after, time(), zone)
