"""How far the hub is behind, for an operator to look at; nothing here locks or writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

_PENDING = text("""
    SELECT provider,
        count(*) FILTER (WHERE urgency = 0) AS consent,
        count(*) FILTER (WHERE urgency = 1) AS change,
        count(*) FILTER (WHERE urgency = 2) AS routine,
        extract(epoch FROM now() - min(due_at) FILTER (WHERE due_at <= now())) AS oldest_due_seconds,
        count(*) FILTER (WHERE failures > 0) AS failing,
        count(*) FILTER (WHERE lease_until > now()) AS leased
    FROM shares WHERE confirmed_version < wanted_version AND parked IS NULL GROUP BY provider
""")
_PARKED = text("SELECT provider, count(*) AS parked FROM shares WHERE parked IS NOT NULL GROUP BY provider")
_UNPUBLISHED = text("SELECT count(*) FROM residents WHERE published_version < version")
_EPOCH = text("SELECT epoch FROM hub_state")


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """One provider's shares that wait: by urgency, how long the oldest has been due, and what holds them up."""

    provider: str
    consent: int = 0
    change: int = 0
    routine: int = 0
    oldest_due_seconds: float | None = None
    failing: int = 0
    leased: int = 0
    parked: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """What the database knows of the hub's backlog."""

    providers: tuple[ProviderStatus, ...]
    unpublished_residents: int
    epoch: int


def read(db: Connection, providers: Iterable[str]) -> Status:
    """Read the backlog of these providers, and of any other that has one."""
    pending = {row.provider: row for row in db.execute(_PENDING)}
    parked = {row.provider: row.parked for row in db.execute(_PARKED)}
    names = dict.fromkeys([*providers, *sorted(pending), *sorted(parked)])
    return Status(
        providers=tuple(_provider(name, pending.get(name), parked.get(name, 0)) for name in names),
        unpublished_residents=db.execute(_UNPUBLISHED).scalar_one(),
        epoch=db.execute(_EPOCH).scalar_one(),
    )


def _provider(name: str, pending: Row[Any] | None, parked: int) -> ProviderStatus:
    if pending is None:
        return ProviderStatus(name, parked=parked)
    oldest = pending.oldest_due_seconds
    return ProviderStatus(
        provider=name,
        consent=pending.consent,
        change=pending.change,
        routine=pending.routine,
        oldest_due_seconds=None if oldest is None else float(oldest),
        failing=pending.failing,
        leased=pending.leased,
        parked=parked,
    )
