"""The hub's backlog, for operators; nothing here locks or writes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Double, Row, case, column, func, select, text

from worker.db import hub_state, journaled, tables
from worker.db.arrays import unnested
from worker.db.clock import leftovers, ticks
from worker.db.clock.leftovers import FileRewrite
from worker.db.clock.ticks import Tick
from worker.db.hub_state import HubState
from worker.db.sharing import dead_letters, reconciliations
from worker.db.sharing.dead_letters import Choice, Group
from worker.db.sharing.reconciliations import Reconciliation
from worker.db.trip import run
from worker.domain.breaker import BreakerState
from worker.domain.sharing import WITHHELD_UNTIL

_PROVIDERS = tables.providers
_RESIDENTS = tables.residents
_SHARES = tables.shares
_PENDING = text("""
    SELECT provider,
        count(*) FILTER (WHERE urgency = 0) AS consent,
        count(*) FILTER (WHERE urgency = 1) AS change,
        count(*) FILTER (WHERE urgency = 2) AS routine,
        CAST(extract(epoch FROM now() - min(due_at) FILTER (WHERE due_at <= now())) AS float) AS oldest_due_seconds,
        count(*) FILTER (WHERE failures > 0) AS failing,
        count(*) FILTER (WHERE lease_until > now()) AS leased,
        count(*) FILTER (WHERE due_at = :withheld_until) AS withheld
    FROM shares WHERE confirmed_version < wanted_version GROUP BY provider
""").columns(
    _SHARES.c.provider,
    *(column(name, BigInteger) for name in ("consent", "change", "routine")),
    column("oldest_due_seconds", Double),
    *(column(name, BigInteger) for name in ("failing", "leased", "withheld")),
)
_UNPUBLISHED = select(func.count()).where(_RESIDENTS.c.published_version < _RESIDENTS.c.version)
_CHANNELS = text(f"""
    SELECT known.channel, coalesce(due, 0) AS due, CAST(extract(epoch FROM now() - oldest) AS float)
        AS oldest_due_seconds, coalesce(undelivered, 0) AS undelivered, problem
    FROM {unnested("known", [tables.channels.c.channel])} LEFT JOIN channels USING (channel) LEFT JOIN (
        SELECT r.reminders AS channel, count(*) FILTER (WHERE m.state = 'due') AS due,
            min(m.due_at) FILTER (WHERE m.state = 'due' AND m.due_at <= now()) AS oldest,
            count(*) FILTER (WHERE m.state IN ('refused', 'unreachable', 'unclear')) AS undelivered
        FROM reminders m JOIN permits USING (permit_id) JOIN residents r USING (resident_id)
        WHERE m.state = 'due'
            OR (m.state IN ('refused', 'unreachable', 'unclear') AND m.settled_at > now() - interval '30 days')
        GROUP BY r.reminders
    ) waiting USING (channel)
""").columns(
    tables.channels.c.channel,
    column("due", BigInteger),
    column("oldest_due_seconds", Double),
    column("undelivered", BigInteger),
    tables.channels.c.problem,
)
_WHOLE = select(
    *_PROVIDERS.c["provider", "breaker", "opened_at", "unconfigured", "paused_at", "replaced_at"],
    case((_PROVIDERS.c.held_until > func.now(), _PROVIDERS.c.held_until)).label("held_until"),
)


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """One provider's waiting shares: counts by urgency, the age of the oldest, and what holds them up.

    `drift` counts the wrong copies that the last finished reconciliation found. The latest one may be under way, or
    have failed with a code.
    """

    provider: str
    consent: int = 0
    change: int = 0
    routine: int = 0
    oldest_due_seconds: float | None = None
    failing: int = 0
    leased: int = 0
    withheld: int = 0  # until the database is known to be current
    parked: int = 0
    breaker: str = BreakerState.CLOSED.value
    opened_at: datetime | None = None
    held_until: datetime | None = None
    paused_at: datetime | None = None
    unconfigured: str | None = None
    replaced_at: datetime | None = None
    reconciling: bool = False
    reconciliation_code: str | None = None
    reconciled_at: datetime | None = None
    drift: int | None = None


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """One channel's reminders: due, the age of the oldest, undelivered within 30 days, and what holds them up."""

    channel: str
    due: int
    oldest_due_seconds: float | None
    undelivered: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """The hub's backlog, as the database has it."""

    providers: tuple[ProviderStatus, ...]
    dead_letters: tuple[Group, ...]
    channels: tuple[ChannelStatus, ...]
    clock: tuple[Tick, ...]  # of recurring tasks
    file_rewrite: FileRewrite
    unpublished_residents: int
    hub: HubState
    is_current: bool
    not_journaled: int


def read(db: Connection, providers: Iterable[str], channels: Iterable[str] = ()) -> Status:
    """Read the backlog of these providers and channels, and of any other provider that has one."""
    pending = {row.provider: row for row in db.execute(_PENDING, {"withheld_until": WITHHELD_UNTIL})}
    groups = dead_letters.groups(db, Choice())
    parked = Counter[str]()
    for group in groups:
        parked[group.provider] += group.count
    whole = {row.provider: row for row in db.execute(_WHOLE)}
    latest, done = reconciliations.latest(db), reconciliations.latest_done(db)
    names = dict.fromkeys([*providers, *sorted(pending), *sorted(parked)])
    lanes = [_provider(name, pending.get(name), parked[name], whole.get(name)) for name in names]
    return Status(
        providers=tuple(_reconciled(one, latest.get(one.provider), done.get(one.provider)) for one in lanes),
        dead_letters=tuple(groups),
        channels=tuple(ChannelStatus(**row) for row in db.execute(_CHANNELS, {"channel": list(channels)}).mappings()),
        clock=tuple(ticks.read(db)),
        file_rewrite=leftovers.read(db),
        unpublished_residents=db.execute(_UNPUBLISHED).scalar_one(),
        hub=hub_state.read(db),
        is_current=run(db, hub_state.is_current()),
        not_journaled=journaled.count(db),
    )


def _provider(name: str, pending: Row[Any] | None, parked: int, whole: Row[*tuple[Any, ...]] | None) -> ProviderStatus:
    status = ProviderStatus(name, parked=parked)
    if whole is not None:
        known = {column: value for column, value in whole._mapping.items() if column != "provider"}
        status = replace(status, **known)
    if pending is None:
        return status
    oldest = pending.oldest_due_seconds
    return replace(
        status,
        consent=pending.consent,
        change=pending.change,
        routine=pending.routine,
        oldest_due_seconds=None if oldest is None else float(oldest),
        failing=pending.failing,
        leased=pending.leased,
        withheld=pending.withheld,
    )


def _reconciled(status: ProviderStatus, latest: Reconciliation | None, done: Reconciliation | None) -> ProviderStatus:
    if latest is not None:
        under_way = latest.finished_at is None
        status = replace(status, reconciling=under_way, reconciliation_code=None if under_way else latest.code)
    return status if done is None else replace(status, reconciled_at=done.finished_at, drift=done.drift)
