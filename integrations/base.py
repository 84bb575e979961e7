"""The interface between the sharing engine and every provider's adapter."""

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
    """The legal basis on which a provider receives data."""

    CONSENT = "consent"
    PUBLIC_TASK = "public_task"  # the city's own meters and enforcement: untouched by consent


@dataclass(frozen=True, slots=True)
class Limit:
    """The most requests in any span of so many seconds."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider needs and can do; the engine decides by these and never by a name."""

    fields: frozenset[SharedField]
    legal_basis: LegalBasis
    batch: int = 1  # the most changes in one request; above 1 the adapter is a `Batching`
    batch_of_first_puts: bool = False  # only puts of version 1 share a request; all others go alone
    lists: bool = False  # lists its copies page by page: the adapter is a `Listing`
    acknowledges_later: bool = False  # accepts a request and carries it out later: the adapter is an `Acknowledging`
    has_store: bool = False  # names the store of its copies, which can be replaced: the adapter is a `Storing`
    fences: bool = False  # refuses an older version than the latest
    limits: tuple[Limit, ...] = ()  # of the contract; a setting overrides them


@dataclass(frozen=True, slots=True)
class Change:
    """The copy that a provider is to hold under one reference from now on.

    `version` grows with each request about the same reference, so that a provider that fences detects late requests.
    """

    reference: UUID
    version: int
    permit: SharedPermit | None  # None: a removal


Operation = NewType("Operation", str)
"""A provider's id of a request that it has accepted and not yet carried out."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a provider's copies; `next_page` is the next cursor (None: this is the last page)."""

    copies: Sequence[Copy] = field(repr=False)
    next_page: str | None
    foreign: int = 0  # the number of further copies, under references that cannot be ours


class Adapter(Protocol):
    """One provider. The caller bounds every call with `asyncio.timeout_at`.

    Calls are idempotent. They raise an `integrations.errors.ProviderError` unless the provider has acknowledged.
    """

    name: str
    capabilities: Capabilities

    async def send(self, change: Change) -> Operation | None:
        """Make the provider hold exactly the copy of the change, or nothing; a removal of nothing succeeds.

        A removal writes no data: applied late, it restores nothing.

        Returns None if it is done, or the operation to ask about if the provider does it later.

        Raises:
            StaleError: the provider has a later version.
        """

    async def aclose(self) -> None:
        """Close the connections."""


class Batching(Adapter, Protocol):
    """A provider that accepts several changes in one request."""

    async def send_all(self, changes: Sequence[Change]) -> Sequence[ProviderError | None]:
        """Send up to `capabilities.batch` changes; return the outcome of each, in order (None: it is done).

        Raises:
            ProviderError: all of them failed in the same way.
        """


class Acknowledging(Adapter, Protocol):
    """A provider that accepts a request now and carries it out later."""

    async def ask(self, operation: Operation) -> bool:
        """Return whether an operation has been carried out.

        Raises:
            RejectedError: the provider refused it in the end.
            LostError: the provider does not know the operation.
            ProviderError: the question failed.
        """


class Listing(Adapter, Protocol):
    """A provider that lists its copies."""

    async def page(self, cursor: str | None) -> Page:
        """Return the first page, or the page of a `next_page` cursor.

        A copy that is neither added nor removed meanwhile is on exactly one page.
        """


class Storing(Adapter, Protocol):
    """A provider that names the store of its copies."""

    @property
    def store(self) -> str | None:
        """Return the store that the last answer to a put named; None before the first one.

        If it changes, the provider's copies are gone, or no longer count.
        """


def needed(provider: str, value: Value | None) -> Value:
    """Return a field that the provider needs.

    Raises:
        RejectedError: it is not there, or is a list of nothing; a right is never sent with a part left out.
    """
    if value is None or value == ():
        raise RejectedError(provider, FailureCode.FIELD_MISSING)
    return value


def reference_of(value: object) -> UUID | None:
    """Return one of our references as a provider lists it; None if it is not in the form that we write."""
    try:
        found = UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if str(found) == value else None


@lru_cache(maxsize=8_192)  # most permits share their days with others, and time zones are slow
def days_of(start: str, end: str, zone: ZoneInfo) -> Validity | None:
    """Return the civil days from `start` up to but without `end`; None unless a day of `zone` begins at both.

    Both are ISO 8601 with any offset; without an offset the result is None.
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
    """Return the first instant of a validity and the first instant after it, in `zone`."""
    after = validity.last_day + timedelta(days=1)
    return datetime.combine(validity.first_day, time(), zone), datetime.combine(after, time(), zone)


def written(instant: datetime) -> str:
    """Return an instant in RFC 3339, with its own offset if that is of whole minutes, else in UTC."""
    # Paris was 9 minutes and 21 seconds ahead until 1911, and RFC 3339 has no seconds in an offset.
    whole_minutes = (instant.utcoffset() or timedelta()) % timedelta(minutes=1) == timedelta()
    return (instant if whole_minutes else instant.astimezone(UTC)).isoformat()
