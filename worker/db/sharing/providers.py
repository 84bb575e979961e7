"""Providers as a whole: breaker, hold, pause, and the events about them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from schemas.events import ProviderEvent, ProviderEventType
from worker.domain.breaker import BreakerState

REPLACED_APART = timedelta(minutes=1)

_ENSURE = text("INSERT INTO providers (provider) VALUES (:provider) ON CONFLICT DO NOTHING")
LANE_STATE = """
    coalesce(breaker, 'closed') AS breaker,
    coalesce(breaker = 'closed' AND (held_until IS NULL OR held_until <= now()), true) AS lets_all,
    coalesce(breaker <> 'closed' AND probe_at <= now() AND (held_until IS NULL OR held_until <= now()), false)
        AS probe_due,
    paused_at IS NOT NULL AS paused
"""
_OPEN = text("""
    UPDATE providers SET breaker = 'open', opened_at = now(), probe_at = now() + :wait
    WHERE provider = :provider AND breaker = 'closed'
""")
_PROBE = text("""
    UPDATE providers SET breaker = 'half_open', probe_at = now() + :lasts
    WHERE provider = :provider AND breaker <> 'closed' AND probe_at <= now()
""")
_FAIL_PROBE = text("""
    UPDATE providers SET breaker = 'open', probe_at = now() + :wait
    WHERE provider = :provider AND breaker = 'half_open'
""")
_CLOSE = text("""
    UPDATE providers SET breaker = 'closed', probe_at = NULL, releases_before = clock_timestamp()
    WHERE provider = :provider AND breaker <> 'closed'
""")
_RELEASE = text("""
    WITH held_back AS (
        SELECT s.permit_id FROM providers p CROSS JOIN generate_series(0, 2) AS u (urgency) CROSS JOIN LATERAL (
            SELECT permit_id FROM shares
            WHERE provider = :provider AND urgency = u.urgency AND due_at > now()
                AND confirmed_version < wanted_version AND failures > 0
                AND (failed_at <= p.releases_before) IS NOT FALSE
            ORDER BY due_at LIMIT :limit FOR NO KEY UPDATE
        ) s WHERE p.provider = :provider AND p.breaker = 'closed' AND p.releases_before IS NOT NULL LIMIT :limit
    )
    UPDATE shares SET due_at = now() FROM held_back
    WHERE shares.permit_id = held_back.permit_id AND shares.provider = :provider
""")
_RELEASED = text("UPDATE providers SET releases_before = NULL WHERE provider = :provider")
_RELEASING = text("SELECT provider FROM providers WHERE releases_before IS NOT NULL AND breaker = 'closed'")
_HOLD = text("""
    UPDATE providers SET held_until = greatest(held_until, now() + :wait) WHERE provider = :provider
""")
_PAUSE = text("UPDATE providers SET paused_at = now() WHERE provider = :provider AND paused_at IS NULL")
_RESUME = text("UPDATE providers SET paused_at = NULL WHERE provider = :provider AND paused_at IS NOT NULL")
_CONFIGURE = text("""
    UPDATE providers SET unconfigured = :problem
    WHERE provider = :provider AND unconfigured IS DISTINCT FROM :problem
""")
_STORE = text("SELECT store FROM providers WHERE provider = :provider")
_SET_STORE = text("""
    UPDATE providers SET store = :store, replaced_at = CASE WHEN store IS NOT NULL THEN now() END
    WHERE provider = :provider
        AND (store IS NULL OR store <> :store
            AND (replaced_at IS NULL OR replaced_at < now() - CAST(:apart AS interval)))
    RETURNING replaced_at IS NOT NULL
""")
_APPEND = text("""
    WITH counted AS (
        UPDATE providers SET sequence = sequence + 1 WHERE provider = :provider RETURNING provider, sequence
    )
    INSERT INTO provider_events (provider, sequence, type) SELECT provider, sequence, :type FROM counted
""")
_UNPUBLISHED = text("""
    SELECT provider, sequence, event_id, type, recorded_at FROM provider_events
    WHERE NOT published ORDER BY provider, sequence FOR UPDATE
""")
_PUBLISHED = text("""
    UPDATE provider_events SET published = true
    FROM unnest(CAST(:providers AS text[]), CAST(:sequences AS bigint[])) AS told (provider, sequence)
    WHERE provider_events.provider = told.provider AND provider_events.sequence = told.sequence
""")


@dataclass(frozen=True, slots=True)
class LaneState:
    """What a lane may do at this moment."""

    breaker: BreakerState = BreakerState.CLOSED
    probe_due: bool = False


def lane_state_of(row: Row[Any]) -> LaneState:
    """Return the state from a row with the columns of `LANE_STATE`."""
    return LaneState(BreakerState(row.breaker), row.probe_due and not row.paused)


def open_breaker(db: Connection, provider: str, wait: timedelta) -> bool:
    """Open a closed breaker; the first probe is due after `wait`."""
    db.execute(_ENSURE, {"provider": provider})
    opened = db.execute(_OPEN, {"provider": provider, "wait": wait}).rowcount == 1
    if opened:
        append(db, provider, ProviderEventType.BREAKER_OPENED)
    return opened


def begin_probe(db: Connection, provider: str, lasts: timedelta) -> bool:
    """Take the right to probe, unless another process has it; it is given up after `lasts` if nothing is heard."""
    return db.execute(_PROBE, {"provider": provider, "lasts": lasts}).rowcount == 1


def fail_probe(db: Connection, provider: str, wait: timedelta) -> None:
    """Note that a probe was in vain; the next is due after `wait`."""
    db.execute(_FAIL_PROBE, {"provider": provider, "wait": wait})


def close_breaker(db: Connection, provider: str) -> bool:
    """Close a breaker; what it held back is to be released from now on."""
    closed = db.execute(_CLOSE, {"provider": provider}).rowcount == 1
    if closed:
        append(db, provider, ProviderEventType.BREAKER_CLOSED)
    return closed


def release(db: Connection, provider: str, limit: int) -> bool:
    """Make due some of what a breaker held back before it closed; return whether there may be more."""
    more = db.execute(_RELEASE, {"provider": provider, "limit": limit}).rowcount == limit
    if not more:
        db.execute(_RELEASED, {"provider": provider})
    return more


def releasing(db: Connection) -> list[str]:
    """Return the providers of which not all is due yet that their breakers held back."""
    return list(db.execute(_RELEASING).scalars())


def hold(db: Connection, provider: str, wait: timedelta) -> None:
    """Send nothing for a while, as the provider asked."""
    db.execute(_ENSURE, {"provider": provider})
    db.execute(_HOLD, {"provider": provider, "wait": wait})


def pause(db: Connection, provider: str) -> bool:
    """Send nothing until `resume`; return whether that is new."""
    db.execute(_ENSURE, {"provider": provider})
    paused = db.execute(_PAUSE, {"provider": provider}).rowcount == 1
    if paused:
        append(db, provider, ProviderEventType.PAUSED)
    return paused


def resume(db: Connection, provider: str) -> bool:
    """Send again; return whether that is new."""
    resumed = db.execute(_RESUME, {"provider": provider}).rowcount == 1
    if resumed:
        append(db, provider, ProviderEventType.RESUMED)
    return resumed


def note_configuration(db: Connection, provider: str, problem: str | None) -> None:
    """Note what is wrong with a provider's settings; None: nothing."""
    db.execute(_ENSURE, {"provider": provider})
    if db.execute(_CONFIGURE, {"provider": provider, "problem": problem}).rowcount == 1:
        append(db, provider, ProviderEventType.UNCONFIGURED if problem else ProviderEventType.CONFIGURED)


def note_store(db: Connection, provider: str, store: str) -> bool | None:
    """Note the store of a provider's copies; return whether it replaces another, which is told as an event.

    Returns None when nothing was noted: it is known, or another replacement was told less than `REPLACED_APART` ago.
    """
    db.execute(_ENSURE, {"provider": provider})
    parameters = {"provider": provider, "store": store, "apart": REPLACED_APART}
    replaced: bool | None = db.execute(_SET_STORE, parameters).scalar_one_or_none()
    if replaced:
        append(db, provider, ProviderEventType.STORE_REPLACED)
    return replaced


def store(db: Connection, provider: str) -> str | None:
    """Return the known store of a provider's copies."""
    found: str | None = db.execute(_STORE, {"provider": provider}).scalar_one_or_none()
    return found


def note(db: Connection, provider: str, event: ProviderEventType) -> None:
    """Write an event that stands for itself."""
    db.execute(_ENSURE, {"provider": provider})
    append(db, provider, event)


def append(db: Connection, provider: str, event: ProviderEventType) -> None:
    """Write an event; the provider has a row."""
    db.execute(_APPEND, {"provider": provider, "type": event.value})


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
    db.execute(_PUBLISHED, {"providers": names, "sequences": sequences})
