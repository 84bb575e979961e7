"""Shares: locked, handed to the sharing protocol, and stored as it returns them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Row, column, select, text

from worker.db import tables
from worker.db.arrays import among, arrays, names, unnested
from worker.db.sharing import disclosures, providers
from worker.db.sharing.disclosures import Disclosure, DisclosureOutcome
from worker.db.sharing.providers import LaneState
from worker.domain.sharing import Share, Urgency


class ShareKey(NamedTuple):
    """What identifies a share."""

    permit_id: UUID
    provider: str


@dataclass(frozen=True, slots=True)
class StoredShare:
    """A share with its resident, and the opaque reference under which its provider knows the permit.

    It has no resident if the provider holds a copy that the hub did not know.
    """

    key: ShareKey
    resident_id: str | None
    reference: UUID
    share: Share


_STATE = [tables.shares.c[field.name] for field in fields(Share)]
_KEY = [tables.shares.c.permit_id, tables.shares.c.provider]
_NAMES = [column.name for column in _STATE if column.name != "urgency"]
_STORED = [*_KEY, tables.shares.c.reference, tables.permits.c.resident_id, *_STATE]
_NOW = column("now", tables.shares.c.due_at.type)
_NEW = unnested("new", [*_KEY, *_STATE])

_OWNER = "(SELECT resident_id FROM permits WHERE permits.permit_id = {}.permit_id) AS resident_id"

_UPDATE = f"""
    UPDATE shares SET {", ".join(f"{column.name} = new.{column.name}" for column in _STATE)} FROM {_NEW}
    WHERE shares.permit_id = new.permit_id AND shares.provider = new.provider
"""
# One round trip for both: records of other providers wait for the same resident meanwhile.
_CLAIM = text(f"WITH disclosed AS ({disclosures.APPEND}), lost AS ({disclosures.APPEND_OUTCOMES}) {_UPDATE}")
_RECORD = text(f"WITH ended AS ({disclosures.APPEND_OUTCOMES}) {_UPDATE}")
_UPSERT = text(f"""
    INSERT INTO shares ({names([*_KEY, *_STATE])}) SELECT {names([*_KEY, *_STATE])} FROM {_NEW}
    ON CONFLICT (permit_id, provider) DO UPDATE
        SET {", ".join(f"{column.name} = excluded.{column.name}" for column in _STATE)}
""")
# One index range for each urgency: a backlog that waits for its time in one does not slow the search of the next.
# An open breaker or a hold lets through shares of urgency 0 that were never tried.
_DUE = """
    provider = {provider} AND urgency = {urgency} AND due_at <= now()
        AND confirmed_version < wanted_version AND (lease_until IS NULL OR lease_until <= now())
        AND (g.lets_all OR {probe} OR (failures = 0 AND operation IS NULL))
"""
_LOCK_DUE = text(f"""
    SELECT now() AS now, g.breaker, g.probe_due, g.paused, s.*
    FROM (SELECT {providers.LANE_STATE} FROM (SELECT) AS always LEFT JOIN providers ON provider = :provider) g
    LEFT JOIN LATERAL (
        SELECT d.permit_id, d.provider, d.reference, {_OWNER.format("d")}, {names(_STATE, "d")}
        FROM generate_series(0, CASE WHEN g.lets_all OR :probe THEN :least_urgent ELSE 0 END) AS u (urgency)
        CROSS JOIN LATERAL (
            SELECT * FROM shares
            WHERE {_DUE.format(provider=":provider", urgency="u.urgency", probe=":probe")}
            ORDER BY due_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
        ) d LIMIT :limit
    ) s ON NOT g.paused
""").columns(_NOW, *providers.LANE_STATE_COLUMNS, *_STORED)
_LANE = column("lane", tables.shares.c.provider.type)
_LOCK_URGENT = text(f"""
    SELECT now() AS now, g.lane, g.breaker, g.probe_due, g.paused, s.*
    FROM (
        SELECT asked.lane, {providers.LANE_STATE}
        FROM {unnested("asked", [_LANE])} LEFT JOIN providers ON provider = asked.lane
    ) g
    LEFT JOIN LATERAL (
        SELECT d.permit_id, d.provider, d.reference, {_OWNER.format("d")}, {names(_STATE, "d")}
        FROM (
            SELECT * FROM shares WHERE {_DUE.format(provider="g.lane", urgency="0", probe="false")}
            ORDER BY due_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
        ) d
    ) s ON NOT g.paused
""").columns(_NOW, _LANE, *providers.LANE_STATE_COLUMNS, *_STORED)
_LOCK_OF_PERMITS = text(f"""
    SELECT clock_timestamp() AS now, permit_id, provider, reference, {_OWNER.format("shares")}, {names(_STATE)}
    FROM shares WHERE permit_id = ANY(:permit_ids) ORDER BY permit_id, provider FOR NO KEY UPDATE
""").columns(_NOW, *_STORED)
_LOCK = text(f"""
    SELECT clock_timestamp() AS now, permit_id, provider, reference, {_OWNER.format("shares")}, {names(_STATE)}
    FROM shares JOIN {unnested("asked", _KEY)} USING (permit_id, provider)
    ORDER BY permit_id, provider FOR NO KEY UPDATE OF shares
""").columns(_NOW, *_STORED)
_OF_RESIDENTS = select(*_STORED).where(
    tables.permits.c.permit_id == tables.shares.c.permit_id, among(tables.permits.c.resident_id, "resident_ids")
)
# The ORDER BY makes the planner use the index: without it, it would read the whole table for any one row.
_DUE_PROVIDERS = text(f"""
    SELECT known.provider FROM {unnested("known", [tables.shares.c.provider])} WHERE EXISTS (
        SELECT FROM generate_series(0, 2) AS u (urgency) CROSS JOIN LATERAL (
            SELECT FROM shares s
            WHERE s.provider = known.provider AND s.urgency = u.urgency AND s.due_at <= now()
                AND s.confirmed_version < s.wanted_version
                AND (s.lease_until IS NULL OR s.lease_until <= now())
            ORDER BY s.due_at LIMIT 1) found)
""").columns(tables.shares.c.provider)


def lock_due(
    db: Connection, provider: str, limit: int, least_urgent: Urgency, *, probe: bool = False
) -> tuple[datetime, LaneState, list[StoredShare]]:
    """Lock due shares of one provider, the most urgent and then the oldest first, passing over locked ones.

    Returns the start of the transaction, from which leases count, and the state of the lane. Only a `probe` locks
    shares that the lane may not claim.
    """
    parameters = {"provider": provider, "limit": limit, "least_urgent": int(least_urgent), "probe": probe}
    rows = db.execute(_LOCK_DUE, parameters).all()
    return rows[0].now, providers.lane_state_of(rows[0]), [_stored(row) for row in rows if row.permit_id is not None]


def lock_urgent(
    db: Connection, providers_: Collection[str], limit: int
) -> tuple[datetime, dict[str, tuple[LaneState, list[StoredShare]]]]:
    """Lock due shares of urgency 0, up to `limit` of each provider, passing over locked ones.

    Returns the start of the transaction, and for each provider the state of its lane and the shares.
    """
    rows = db.execute(_LOCK_URGENT, {"lane": list(providers_), "limit": limit}).all()
    found: dict[str, tuple[LaneState, list[StoredShare]]] = {}
    for row in rows:
        _, due = found.setdefault(row.lane, (providers.lane_state_of(row), []))
        if row.permit_id is not None:
            due.append(_stored(row))
    return rows[0].now, found


def lock_of_permits(db: Connection, permit_ids: Collection[UUID]) -> dict[ShareKey, StoredShare]:
    """Lock all shares of some permits; their residents are locked already."""
    rows = db.execute(_LOCK_OF_PERMITS, {"permit_ids": list(permit_ids)})
    return {stored.key: stored for stored in map(_stored, rows)}


def lock(db: Connection, keys: Collection[ShareKey]) -> tuple[datetime, list[StoredShare]]:
    """Lock shares; return them with the time."""
    return _with_clock(db.execute(_LOCK, arrays(keys, _KEY)).all())


def of_residents(db: Connection, resident_ids: Collection[str]) -> dict[str, list[StoredShare]]:
    """Read residents' shares without locking them."""
    shares: dict[str, list[StoredShare]] = {resident_id: [] for resident_id in resident_ids}
    for row in db.execute(_OF_RESIDENTS, {"resident_ids": list(resident_ids)}):
        shares[row.resident_id].append(_stored(row))
    return shares


def store_claims(
    db: Connection, shares: Mapping[ShareKey, Share], disclosed: Sequence[Disclosure], lost: Sequence[DisclosureOutcome]
) -> None:
    """Store shares as claimed, with what is about to be disclosed, and the disclosures whose lease expired."""
    db.execute(_CLAIM, _parameters(shares) | disclosures.parameters(disclosed) | disclosures.outcome_parameters(lost))


def store_records(db: Connection, shares: Mapping[ShareKey, Share], outcomes: Sequence[DisclosureOutcome]) -> None:
    """Store shares as recorded, with how their disclosures ended."""
    db.execute(_RECORD, _parameters(shares) | disclosures.outcome_parameters(outcomes))


def upsert(db: Connection, shares: Mapping[ShareKey, Share]) -> None:
    """Update shares, and insert those that are new."""
    if shares:
        db.execute(_UPSERT, _parameters(shares))


def due_providers(db: Connection, providers: Iterable[str]) -> list[str]:
    """Return the providers, of these, that have a share to claim."""
    return list(db.execute(_DUE_PROVIDERS, {"provider": list(providers)}).scalars())


def _parameters(shares: Mapping[ShareKey, Share]) -> dict[str, list[Any]]:
    urgencies = {"urgency": [int(share.urgency) for share in shares.values()]}  # psycopg is slower with an enum
    return arrays(shares, _KEY) | arrays(shares.values(), _STATE) | urgencies


def _with_clock(rows: Iterable[Row[Any]]) -> tuple[datetime, list[StoredShare]]:
    listed = list(rows)
    now = max((row.now for row in listed), default=datetime.min)  # noqa: DTZ901 - nothing was locked: never read
    return now, [_stored(row) for row in listed]


def _stored(row: Row[Any]) -> StoredShare:
    values = row._mapping
    share = Share(**{name: values[name] for name in _NAMES}, urgency=Urgency(values["urgency"]))
    return StoredShare(ShareKey(row.permit_id, row.provider), row.resident_id, row.reference, share)
