"""Shares: locked, handed to the sharing protocol, and stored as it returns them."""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Boolean, Connection, column, select, text

from worker.db import tables
from worker.db.arrays import among, arrays, names, unnested
from worker.db.hub_state import IS_CURRENT
from worker.db.sharing import disclosures, providers
from worker.db.sharing.disclosures import Disclosure, DisclosureOutcome
from worker.db.sharing.providers import LaneState
from worker.db.trip import Rows, Statement, write
from worker.domain.sharing import WITHHELD_UNTIL, Share, Urgency


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
_REFERENCE = tables.shares.c.reference
_URGENCY = [column.name for column in _STATE].index("urgency")
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
_UPDATE_ALONE = text(_UPDATE)
# The reference that is derived for a new share is taken if a restored database found the copy at its provider first.
_UPSERT = text(f"""
    INSERT INTO shares ({names([*_KEY, _REFERENCE, *_STATE])})
    SELECT {names(_KEY)}, CASE WHEN EXISTS (SELECT FROM shares s WHERE s.reference = new.reference)
        THEN gen_random_uuid() ELSE new.reference END, {names(_STATE)}
    FROM {unnested("new", [*_KEY, _REFERENCE, *_STATE])}
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
_FRESH = """
    urgency = 0 AND failures = 0 AND operation IS NULL
        AND due_at > now() - make_interval(secs => :fresh_seconds)
"""
_LOCK_DUE = text(f"""
    SELECT now() AS now, g.breaker, g.probe_due, g.paused, NOT g.paused AND :fresh_seconds > 0 AND EXISTS (
            SELECT FROM shares WHERE {_FRESH} AND {_DUE.format(provider=":provider", urgency="0", probe="true")}
        ) AS has_fresh, s.*
    FROM (SELECT {providers.LANE_STATE} FROM (SELECT) AS always LEFT JOIN providers ON provider = :provider) g
    LEFT JOIN LATERAL (
        SELECT d.permit_id, d.provider, d.reference, {_OWNER.format("d")}, {names(_STATE, "d")}
        FROM generate_series(0, CASE WHEN g.lets_all OR :probe THEN :least_urgent ELSE 0 END) AS u (urgency)
        CROSS JOIN LATERAL (
            SELECT * FROM shares
            WHERE {_DUE.format(provider=":provider", urgency="u.urgency", probe=":probe")} AND NOT ({_FRESH})
            ORDER BY due_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
        ) d LIMIT :limit
    ) s ON NOT g.paused
""").columns(_NOW, *providers.LANE_STATE_COLUMNS, column("has_fresh", Boolean), *_STORED)
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
_LOCK_OF_RESIDENTS = text(f"""
    SELECT permit_id, provider, reference, p.resident_id, {names(_STATE, "s")}
    FROM shares s JOIN permits p USING (permit_id) WHERE p.resident_id = ANY(:resident_ids)
    ORDER BY permit_id, provider FOR NO KEY UPDATE OF s
""").columns(*_STORED)
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
# What is withheld sorts last. With "=", the planner expects many rows of that moment and reads the whole table.
_WITHHELD = text(f"""
    SELECT known.provider FROM {unnested("known", [tables.shares.c.provider])}
    WHERE {IS_CURRENT} AND EXISTS (
        SELECT FROM generate_series(0, 2) AS u (urgency) CROSS JOIN LATERAL (
            SELECT FROM shares s
            WHERE s.provider = known.provider AND s.urgency = u.urgency AND s.due_at >= :withheld_until
                AND s.confirmed_version < s.wanted_version
            ORDER BY s.due_at LIMIT 1) found)
""").columns(tables.shares.c.provider)
_LET_GO = text(f"""
    WITH held AS (
        SELECT s.permit_id FROM generate_series(0, 2) AS u (urgency) CROSS JOIN LATERAL (
            SELECT permit_id FROM shares
            WHERE provider = :provider AND urgency = u.urgency AND due_at >= :withheld_until
                AND confirmed_version < wanted_version
            ORDER BY due_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
        ) s WHERE {IS_CURRENT} LIMIT :limit
    )
    UPDATE shares SET due_at = now() FROM held
    WHERE shares.permit_id = held.permit_id AND shares.provider = :provider
""")


@dataclass(frozen=True, slots=True)
class Due:
    """Locked due shares of one provider, the state of its lane, and the time from which leases count.

    `has_fresh` tells whether fresh decisions were passed over.
    """

    now: datetime
    state: LaneState
    shares: list[StoredShare]
    has_fresh: bool = False


def lock_due(
    provider: str, limit: int, least_urgent: Urgency, *, probe: bool = False, fresh_seconds: float = 0.0
) -> Statement[Due]:
    """Lock due shares of one provider, the most urgent and then the oldest first, passing over locked ones.

    It also passes over fresh decisions: due for less than `fresh_seconds`, without a failure and not under way. Only a
    `probe` locks shares that the lane may not claim.
    """
    values = {
        "provider": provider,
        "limit": limit,
        "least_urgent": int(least_urgent),
        "probe": probe,
        "fresh_seconds": fresh_seconds,
    }
    return Statement(_LOCK_DUE, values, _due_of_lane)


def lock_urgent(names_: Collection[str], limit: int) -> Statement[dict[str, Due]]:
    """Lock due shares of urgency 0, up to `limit` of each provider, passing over locked ones."""
    return Statement(_LOCK_URGENT, {"lane": list(names_), "limit": limit}, _due_by_provider)


def lock_of_residents(resident_ids: Collection[str]) -> Statement[dict[str, list[StoredShare]]]:
    """Lock all shares of residents who are locked already."""
    return Statement(_LOCK_OF_RESIDENTS, {"resident_ids": list(resident_ids)}, partial(_by_resident, resident_ids))


def lock(keys: Collection[ShareKey]) -> Statement[tuple[datetime, list[StoredShare]]]:
    """Lock shares; return them with the time."""
    return Statement(_LOCK, arrays(keys, _KEY), _with_clock)


def of_residents(resident_ids: Collection[str]) -> Statement[dict[str, list[StoredShare]]]:
    """Read residents' shares without locking them."""
    return Statement(_OF_RESIDENTS, {"resident_ids": list(resident_ids)}, partial(_by_resident, resident_ids))


def store_claims(
    shares: Mapping[ShareKey, Share], disclosed: Sequence[Disclosure], lost: Sequence[DisclosureOutcome]
) -> Statement[None]:
    """Store shares as claimed, with what is about to be disclosed, and the disclosures whose lease expired."""
    return write(_CLAIM, _parameters(shares) | disclosures.parameters(disclosed) | disclosures.outcome_parameters(lost))


def store_records(shares: Mapping[ShareKey, Share], outcomes: Sequence[DisclosureOutcome]) -> Statement[None]:
    """Store shares as recorded, with how their disclosures ended."""
    return write(_RECORD, _parameters(shares) | disclosures.outcome_parameters(outcomes))


def update(shares: Mapping[ShareKey, Share]) -> Statement[None]:
    """Update shares."""
    return write(_UPDATE_ALONE, _parameters(shares))


def upsert(shares: Mapping[ShareKey, Share], hash_key: bytes) -> Statement[None]:
    """Update shares, and insert those that are new, each with the reference that is derived from its key."""
    references = "{" + ",".join(str(reference_of(key, hash_key)) for key in shares) + "}"
    return write(_UPSERT, _parameters(shares) | {"reference": references})


def reference_of(key: ShareKey, hash_key: bytes) -> UUID:
    """Return the reference of a new share: a database that lost the share would make it the same again."""
    of = f"reference {key.provider} {key.permit_id}".encode()
    return UUID(bytes=hmac.digest(hash_key, of, hashlib.sha256)[:16], version=4)


def due_providers(db: Connection, providers: Iterable[str]) -> list[str]:
    """Return the providers, of these, that have a share to claim."""
    return list(db.execute(_DUE_PROVIDERS, {"provider": list(providers)}).scalars())


def withheld(db: Connection, providers: Iterable[str]) -> list[str]:
    """Return the providers, of these, with shares that are withheld although the database is current."""
    values = {"provider": list(providers), "withheld_until": WITHHELD_UNTIL}
    return list(db.execute(_WITHHELD, values).scalars())


def let_go(db: Connection, provider: str, limit: int) -> bool:
    """Make withheld shares of a provider due, the most urgent first; return whether there may be more.

    It passes over those that are locked: a later sweep finds them.
    """
    values = {"provider": provider, "withheld_until": WITHHELD_UNTIL, "limit": limit}
    return db.execute(_LET_GO, values).rowcount == limit


def _parameters(shares: Mapping[ShareKey, Share]) -> dict[str, str]:
    return arrays(shares, _KEY) | arrays(shares.values(), _STATE)


def _due(rows: Rows) -> Due:
    return Due(
        rows[0].now, providers.lane_state_of(rows[0]), [_stored(row) for row in rows if row.permit_id is not None]
    )


def _due_of_lane(rows: Rows) -> Due:
    return replace(_due(rows), has_fresh=rows[0].has_fresh)


def _due_by_provider(rows: Rows) -> dict[str, Due]:
    by_provider: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_provider[row.lane].append(row)
    return {name: _due(of_one) for name, of_one in by_provider.items()}


def _by_resident(resident_ids: Collection[str], rows: Rows) -> dict[str, list[StoredShare]]:
    shares: dict[str, list[StoredShare]] = {resident_id: [] for resident_id in resident_ids}
    for row in rows:
        shares[row.resident_id].append(_stored(row))
    return shares


def _with_clock(rows: Rows) -> tuple[datetime, list[StoredShare]]:
    now = max((row.now for row in rows), default=datetime.min)  # noqa: DTZ901 - nothing was locked: never read
    return now, [_stored(row) for row in rows]


def _stored(row: Any) -> StoredShare:
    state = list(row[-len(_STATE) :])  # the last columns of each statement, in the order of the fields
    state[_URGENCY] = Urgency(state[_URGENCY])
    return StoredShare(ShareKey(row.permit_id, row.provider), row.resident_id, row.reference, Share(*state))
