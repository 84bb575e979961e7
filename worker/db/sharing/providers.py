"""Providers as a whole: breaker, hold, pause, and the events about them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Boolean, Connection, Interval, bindparam, column, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from schemas.events import ProviderEvent, ProviderEventType
from worker.db import tables
from worker.db.arrays import unnested
from worker.domain.breaker import BreakerState

REPLACED_APART = timedelta(minutes=1)

_PROVIDERS = tables.providers
_EVENTS = tables.provider_events
_ENSURE = insert(_PROVIDERS).values(provider=bindparam("name")).on_conflict_do_nothing()
LANE_STATE = """
    coalesce(breaker, 'closed') AS breaker,
    coalesce(breaker = 'closed' AND (held_until IS NULL OR held_until <= now()), true) AS lets_all,
    coalesce(breaker <> 'closed' AND probe_at <= now() AND (held_until IS NULL OR held_until <= now()), false)
        AS probe_due,
    paused_at IS NOT NULL AS paused
"""
LANE_STATE_COLUMNS = (_PROVIDERS.c.breaker, column("probe_due", Boolean), column("paused", Boolean))
_WAIT = func.now() + bindparam("wait", type_=Interval)
_ONE = _PROVIDERS.c.provider == bindparam("name")
_OPEN = (
    update(_PROVIDERS)
    .where(_ONE, _PROVIDERS.c.breaker == "closed")
    .values(breaker="open", opened_at=func.now(), probe_at=_WAIT)
)
_PROBE = (
    update(_PROVIDERS)
    .where(_ONE, _PROVIDERS.c.breaker != "closed", _PROVIDERS.c.probe_at <= func.now())
    .values(breaker="half_open", probe_at=_WAIT)
)
_FAIL_PROBE = update(_PROVIDERS).where(_ONE, _PROVIDERS.c.breaker == "half_open").values(breaker="open", probe_at=_WAIT)
_CLOSE = (
    update(_PROVIDERS)
    .where(_ONE, _PROVIDERS.c.breaker != "closed")
    .values(breaker="closed", probe_at=None, releases_before=func.clock_timestamp())
)
_RELEASE = text("""
    WITH held_back AS (
        SELECT s.permit_id FROM providers p CROSS JOIN generate_series(0, 2) AS u (urgency) CROSS JOIN LATERAL (
            SELECT permit_id FROM shares
            WHERE provider = :name AND urgency = u.urgency AND due_at > now()
                AND confirmed_version < wanted_version AND failures > 0
                AND (failed_at <= p.releases_before) IS NOT FALSE
            ORDER BY due_at LIMIT :limit FOR NO KEY UPDATE
        ) s WHERE p.provider = :name AND p.breaker = 'closed' AND p.releases_before IS NOT NULL LIMIT :limit
    )
    UPDATE shares SET due_at = now() FROM held_back
    WHERE shares.permit_id = held_back.permit_id AND shares.provider = :name
""")
_RELEASED = update(_PROVIDERS).where(_ONE).values(releases_before=None)
_RELEASING = select(_PROVIDERS.c.provider).where(
    _PROVIDERS.c.releases_before.is_not(None), _PROVIDERS.c.breaker == "closed"
)
_HOLD = update(_PROVIDERS).where(_ONE).values(held_until=func.greatest(_PROVIDERS.c.held_until, _WAIT))
_PAUSE = update(_PROVIDERS).where(_ONE, _PROVIDERS.c.paused_at.is_(None)).values(paused_at=func.now())
_RESUME = update(_PROVIDERS).where(_ONE, _PROVIDERS.c.paused_at.is_not(None)).values(paused_at=None)
_PROBLEM = bindparam("problem", type_=_PROVIDERS.c.unconfigured.type)
_CONFIGURE = (
    update(_PROVIDERS).where(_ONE, _PROVIDERS.c.unconfigured.is_distinct_from(_PROBLEM)).values(unconfigured=_PROBLEM)
)
_STORE = select(_PROVIDERS.c.store).where(_ONE)
_SET_STORE = text("""
    UPDATE providers SET store = :store, replaced_at = CASE WHEN store IS NOT NULL THEN now() END
    WHERE provider = :name
        AND (store IS NULL OR store <> :store
            AND (replaced_at IS NULL OR replaced_at < now() - CAST(:apart AS interval)))
    RETURNING replaced_at IS NOT NULL AS replaces
""").columns(replaces=Boolean)
_APPEND = text("""
    WITH counted AS (
        UPDATE providers SET sequence = sequence + 1 WHERE provider = :name RETURNING provider, sequence
    )
    INSERT INTO provider_events (provider, sequence, type) SELECT provider, sequence, :type FROM counted
""")
_UNPUBLISHED = (
    select(_EVENTS.c.provider, _EVENTS.c.sequence, _EVENTS.c.event_id, _EVENTS.c.type, _EVENTS.c.recorded_at)
    .where(~_EVENTS.c.published)
    .order_by(_EVENTS.c.provider, _EVENTS.c.sequence)
    .with_for_update()
)
_PUBLISHED = text(f"""
    UPDATE provider_events SET published = true FROM {unnested("told", (_EVENTS.c.provider, _EVENTS.c.sequence))}
    WHERE provider_events.provider = told.provider AND provider_events.sequence = told.sequence
""")


@dataclass(frozen=True, slots=True)
class LaneState:
    """The current state of a lane."""

    breaker: BreakerState = BreakerState.CLOSED
    probe_due: bool = False


def lane_state_of(row: Any) -> LaneState:
    """Return the state from a row with the columns of `LANE_STATE`."""
    return LaneState(BreakerState(row.breaker), row.probe_due and not row.paused)


def open_breaker(db: Connection, provider: str, wait: timedelta) -> bool:
    """Open a closed breaker; the first probe is due after `wait`."""
    db.execute(_ENSURE, {"name": provider})
    opened = db.execute(_OPEN, {"name": provider, "wait": wait}).rowcount == 1
    if opened:
        append(db, provider, ProviderEventType.BREAKER_OPENED)
    return opened


def begin_probe(db: Connection, provider: str, lasts: timedelta) -> bool:
    """Take the right to probe for `lasts`; return whether it was free."""
    return db.execute(_PROBE, {"name": provider, "wait": lasts}).rowcount == 1


def fail_probe(db: Connection, provider: str, wait: timedelta) -> None:
    """Note that a probe has failed; the next is due after `wait`."""
    db.execute(_FAIL_PROBE, {"name": provider, "wait": wait})


def close_breaker(db: Connection, provider: str) -> bool:
    """Close a breaker; what it held back is released from now on."""
    closed = db.execute(_CLOSE, {"name": provider}).rowcount == 1
    if closed:
        append(db, provider, ProviderEventType.BREAKER_CLOSED)
    return closed


def release(db: Connection, provider: str, limit: int) -> bool:
    """Make due some shares that a breaker held back; return whether there may be more."""
    more = db.execute(_RELEASE, {"name": provider, "limit": limit}).rowcount == limit
    if not more:
        db.execute(_RELEASED, {"name": provider})
    return more


def releasing(db: Connection) -> list[str]:
    """Return the providers with shares still to be released by their breakers."""
    return list(db.execute(_RELEASING).scalars())


def hold(db: Connection, provider: str, wait: timedelta) -> None:
    """Send nothing for a while, as the provider asked."""
    db.execute(_ENSURE, {"name": provider})
    db.execute(_HOLD, {"name": provider, "wait": wait})


def pause(db: Connection, provider: str) -> bool:
    """Send nothing until `resume`; return whether that is new."""
    db.execute(_ENSURE, {"name": provider})
    paused = db.execute(_PAUSE, {"name": provider}).rowcount == 1
    if paused:
        append(db, provider, ProviderEventType.PAUSED)
    return paused


def resume(db: Connection, provider: str) -> bool:
    """Send again; return whether that is new."""
    resumed = db.execute(_RESUME, {"name": provider}).rowcount == 1
    if resumed:
        append(db, provider, ProviderEventType.RESUMED)
    return resumed


def note_configuration(db: Connection, provider: str, problem: str | None) -> None:
    """Note the problem with a provider's settings; None: there is none."""
    db.execute(_ENSURE, {"name": provider})
    if db.execute(_CONFIGURE, {"name": provider, "problem": problem}).rowcount == 1:
        append(db, provider, ProviderEventType.UNCONFIGURED if problem else ProviderEventType.CONFIGURED)


def note_store(db: Connection, provider: str, store: str) -> bool | None:
    """Note the store of a provider's copies; return whether it replaces another, which also appends an event.

    Returns None if nothing was noted: it is known, or another replaced it less than `REPLACED_APART` ago.
    """
    db.execute(_ENSURE, {"name": provider})
    parameters = {"name": provider, "store": store, "apart": REPLACED_APART}
    replaced: bool | None = db.execute(_SET_STORE, parameters).scalar_one_or_none()
    if replaced:
        append(db, provider, ProviderEventType.STORE_REPLACED)
    return replaced


def store(db: Connection, provider: str) -> str | None:
    """Return the known store of a provider's copies."""
    found: str | None = db.execute(_STORE, {"name": provider}).scalar_one_or_none()
    return found


def note(db: Connection, provider: str, event: ProviderEventType) -> None:
    """Append an event about a provider."""
    db.execute(_ENSURE, {"name": provider})
    append(db, provider, event)


def append(db: Connection, provider: str, event: ProviderEventType) -> None:
    """Append an event about a provider that has a row."""
    db.execute(_APPEND, {"name": provider, "type": event.value})


def lock_unpublished(db: Connection) -> list[ProviderEvent]:
    """Lock and return the events not known to be published, in each provider's order."""
    return [
        ProviderEvent(
            id=row.event_id,
            type=ProviderEventType(row.type),
            subject=row.provider,
            time=row.recorded_at,
            sequence=row.sequence,
        )
        for row in db.execute(_UNPUBLISHED)
    ]


def mark_published(db: Connection, events: Collection[ProviderEvent]) -> None:
    """Note that events are published."""
    names, sequences = [event.subject for event in events], [event.sequence for event in events]
    db.execute(_PUBLISHED, {"provider": names, "sequence": sequences})
