"""The contract between the sharing engine and every provider's adapter."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NewType, Protocol, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.errors import FailureCode, ProviderError, RejectedError
from schemas.shared import Copy, SharedField, SharedPermit, Validity

Value = TypeVar("Value")


class LegalBasis(StrEnum):
    """Why a provider may receive data at all."""

    CONSENT = "consent"
    PUBLIC_TASK = "public_task"  # the city's own meters and enforcement: untouched by consent


@dataclass(frozen=True, slots=True)
class Limit:
    """The most requests that a provider takes in any span of so many seconds."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider needs and can do; the engine asks these, never a name."""

    fields: frozenset[SharedField]
    legal_basis: LegalBasis
    batch: int = 1  # the most changes that one request carries; above 1 the adapter is a `Batching`
    batch_of_first_puts: bool = False  # only changes of version 1 that put share a request; any other goes alone
    lists: bool = False  # tells page by page what it holds: the adapter is a `Listing`
    acknowledges_later: bool = False  # takes a request and carries it out later: the adapter is an `Acknowledging`
    has_store: bool = False  # its copies lie in one place, which can be replaced as a whole: the adapter is a `Storing`
    fences: bool = False  # refuses a version that is older than one it has seen
    limits: tuple[Limit, ...] = ()  # what its contract allows; a setting may say otherwise


@dataclass(frozen=True, slots=True)
class Change:
    """What a provider is to hold under one reference from now on.

    `version` grows with each request about the same reference, so that a provider which fences can tell a late one.
    """

    reference: UUID
    version: int
    permit: SharedPermit | None  # None: nothing


Operation = NewType("Operation", str)
"""What a provider calls a request that it has taken and not yet carried out."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of what a provider holds; `next_page` leads on (None: that was the last)."""

    copies: Sequence[Copy] = field(repr=False)
    next_page: str | None
    foreign: int = 0  # how many more there were under references that cannot be ours


class Adapter(Protocol):
    """One provider. Every call is bounded by its caller, with `asyncio.timeout_at`.

    Calls are idempotent and raise a `integrations.errors.ProviderError` unless the provider has acknowledged.
    """

    name: str
    capabilities: Capabilities

    async def send(self, change: Change) -> Operation | None:
        """Make the provider hold exactly what the change says; holding nothing already is success for a removal.

        A removal writes no data: however late it is applied, it brings nothing back.

        Returns None when that is done, and the operation to ask about when the provider does it later.

        Raises:
            StaleError: the provider has a later version.
        """

    async def aclose(self) -> None:
        """Close the connections."""


class Batching(Adapter, Protocol):
    """A provider that takes several changes in one request."""

    async def send_all(self, changes: Sequence[Change]) -> Sequence[ProviderError | None]:
        """Send up to `capabilities.batch` changes; return how each ended, in their order (None: it is done).

        Raises:
            ProviderError: all of them ended in the same way.
        """


class Acknowledging(Adapter, Protocol):
    """A provider that takes a request now and carries it out later."""

    async def ask(self, operation: Operation) -> bool:
        """Tell whether an operation has been carried out.

        Raises:
            RejectedError: they refused in the end.
            LostError: they do not know the operation.
            ProviderError: it cannot be told now.
        """


class Listing(Adapter, Protocol):
    """A provider that tells what it holds."""

    async def page(self, cursor: str | None) -> Page:
        """Return the first page, or the one that `next_page` of the page before named.

        What is neither added nor removed meanwhile is on exactly one page.
        """


class Storing(Adapter, Protocol):
    """A provider that names the store of its copies."""

    @property
    def store(self) -> str | None:
        """Return the store that the last answer about a put named; None: no answer did so far.

        If it changes, the provider has lost its copies, or they lie where they no longer count.
        """


def needed(provider: str, value: Value | None) -> Value:
    """Return a field that the provider declared to need.

    Raises:
        RejectedError: it is not there, or is a list of nothing; a right is never sent with a part left out.
    """
    if value is None or value == ():
        raise RejectedError(provider, FailureCode.FIELD_MISSING)
    return value


def reference_of(value: object) -> UUID | None:
    """Return one of our references as a provider lists it; None for one that we would not have written like that."""
    try:
        found = UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if str(found) == value else None


@lru_cache(maxsize=8_192)  # most permits share their days with others, and time zones are slow
def days_of(start: str, end: str, zone: ZoneInfo) -> Validity | None:
    """Return the civil days from one instant to the first one after; None where no days begin at these.

    Both are as ISO 8601 writes them, with whatever offset; an instant without one says nothing.
    """
    try:
        first, after = datetime.fromisoformat(start), datetime.fromisoformat(end)
        if first.tzinfo is None or after.tzinfo is None:
            return None
        found = Validity(first.astimezone(zone).date(), after.astimezone(zone).date() - timedelta(days=1))
        begins, ends = (instant.timestamp() for instant in instants(found, zone))
    except (ValueError, OverflowError):
        return None
    return found if (begins, ends) == (first.timestamp(), after.timestamp()) and begins < ends else None


def instants(validity: Validity, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first instant of a validity and the first one after it, in the city's time zone."""
    after = validity.last_day + timedelta(days=1)
    return datetime.combine(validity.first_day, time(), zone), datetime.combine(after, time(), zone)


def written(instant: datetime) -> str:
    """Return an instant in RFC 3339, with its own offset if that is of whole minutes, else in UTC."""
    # Paris was 9 minutes and 21 seconds ahead until 1911, and RFC 3339 has no seconds in an offset.
    whole_minutes = (instant.utcoffset() or timedelta()) % timedelta(minutes=1) == timedelta()
    return (instant if whole_minutes else instant.astimezone(UTC)).isoformat()
