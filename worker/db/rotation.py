"""The way of the database from one hash key to the next: plates, then shares, then the digests of jobs.

Plates have a hash by both keys, and a constraint for each, until the next key is the database's. `walks` has how far
each of the three has come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert

from worker.db import tables
from worker.db.arrays import among, arrays, unnested
from worker.db.sharing.shares import ShareKey
from worker.domain.plates import Plate

PLATES, SHARES, DIGESTS = WALKS = ("keys.plates", "keys.shares", "keys.digests")

_STATE = tables.hub_state
_PLATES, _SHARES, _JOBS, _WALKS = tables.plate_assignments, tables.shares, tables.jobs, tables.walks
_READ = select(_STATE.c.hash_key_fingerprint, _STATE.c.next_hash_key_fingerprint, _STATE.c.hash_key_switched_at)
_BEGIN = _STATE.update().values(next_hash_key_fingerprint=bindparam("fingerprint"))
_END = _STATE.update().values(hash_key_switched_at=None)
_FORGET = _WALKS.delete().where(among(_WALKS.c.walk, "walks"))
_POSITION = select(_WALKS.c.position).where(_WALKS.c.walk == bindparam("walk"))
_NEW_POSITION = insert(_WALKS).values(walk=bindparam("walk"), position=bindparam("position"))
_GO_ON = _NEW_POSITION.on_conflict_do_update(
    index_elements=[_WALKS.c.walk], set_={"position": _NEW_POSITION.excluded.position}
)
_OF_PLATES = "SELECT permit_id, assigned_at, raw, normalised, country, plate_key FROM plate_assignments"
_PLATE_COLUMNS = _PLATES.c["permit_id", "assigned_at", "raw", "normalised", "country", "plate_key"]
_NEXT_PLATES = text(f"""
    {_OF_PLATES} WHERE permit_id > :after AND next_plate_key IS NULL
    ORDER BY permit_id, assigned_at LIMIT :limit FOR UPDATE SKIP LOCKED
""").columns(*_PLATE_COLUMNS)
_LEFT_PLATES = text(f"{_OF_PLATES} WHERE next_plate_key IS NULL LIMIT :limit").columns(*_PLATE_COLUMNS)
_FILLED = _PLATES.c["permit_id", "assigned_at", "next_plate_key"]
_FILL = text(f"""
    UPDATE plate_assignments p SET next_plate_key = n.next_plate_key FROM {unnested("n", _FILLED)}
    WHERE p.permit_id = n.permit_id AND p.assigned_at = n.assigned_at
""")
# At once the lock that the switch needs: whoever reads plates and then writes one would wait for a lesser one, and the
# switch for them. All others wait while it is asked for.
_KEEP_OTHERS_OUT = text("LOCK TABLE plate_assignments IN ACCESS EXCLUSIVE MODE")
_WAIT_BRIEFLY = text("SET LOCAL lock_timeout = '500ms'")
_HAVE_TIME = text("SET LOCAL statement_timeout = '60s'")
_SWITCH = text("""
    ALTER TABLE plate_assignments DROP CONSTRAINT plate_in_use, DROP COLUMN plate_key;
    ALTER TABLE plate_assignments RENAME COLUMN next_plate_key TO plate_key;
    ALTER TABLE plate_assignments RENAME CONSTRAINT next_plate_in_use TO plate_in_use;
    ALTER TABLE plate_assignments ALTER COLUMN plate_key SET NOT NULL, ADD COLUMN next_plate_key uuid;
    ALTER TABLE plate_assignments ALTER COLUMN next_plate_key SET STATISTICS 0;
    ALTER TABLE plate_assignments ADD CONSTRAINT next_plate_in_use EXCLUDE USING gist (
        CAST(encode(set_byte(uuid_send(next_plate_key), 15, 0), 'hex') AS uuid) WITH =,
        int4range(
            get_byte(uuid_send(next_plate_key), 15),
            CASE get_byte(uuid_send(next_plate_key), 15)
                WHEN 0 THEN 255 ELSE get_byte(uuid_send(next_plate_key), 15) END,
            '[]'
        ) WITH &&,
        during WITH &&
    ) WHERE (next_plate_key IS NOT NULL);
    ALTER INDEX next_plate_in_use ALTER COLUMN 1 SET STATISTICS 0;
    ALTER INDEX next_plate_in_use ALTER COLUMN 2 SET STATISTICS 0;
    UPDATE hub_state SET hash_key_fingerprint = next_hash_key_fingerprint, next_hash_key_fingerprint = NULL,
        hash_key_switched_at = clock_timestamp()
""")
_NEXT_SHARES = text("""
    SELECT permit_id, provider, reference, confirmed_hash, held_subject FROM shares
    WHERE permit_id > :after AND (octet_length(confirmed_hash) > 0 OR octet_length(held_subject) > 0)
    ORDER BY permit_id, provider LIMIT :limit
""").columns(*_SHARES.c["permit_id", "provider", "reference", "confirmed_hash", "held_subject"])
_REKEYED = Table(
    "rekeyed",
    MetaData(),
    *(Column("permit_id", Uuid), Column("provider", Text)),
    *(Column(name, LargeBinary) for name in ("old_hash", "old_subject", "new_hash", "new_subject")),
)
_REKEY = text(f"""
    WITH free AS MATERIALIZED (
        SELECT n.* FROM {unnested("n", _REKEYED.c)} JOIN shares s USING (permit_id, provider)
        WHERE s.lease_id IS NULL AND s.confirmed_hash IS NOT DISTINCT FROM n.old_hash
            AND s.held_subject IS NOT DISTINCT FROM n.old_subject
        FOR UPDATE OF s SKIP LOCKED
    )
    UPDATE shares s SET confirmed_hash = free.new_hash, held_subject = free.new_subject
    FROM free WHERE s.permit_id = free.permit_id AND s.provider = free.provider RETURNING s.permit_id, s.provider
""").columns(*_SHARES.c["permit_id", "provider"])
_EMPTY = text("""
    UPDATE jobs SET digest = '' WHERE job_id IN (
        SELECT job_id FROM jobs WHERE job_id > :after ORDER BY job_id LIMIT :limit
    ) AND digest <> '' AND recorded_at <= :until
""")
_LAST_JOB = text("""
    SELECT job_id FROM (SELECT job_id FROM jobs WHERE job_id > :after ORDER BY job_id LIMIT :limit) AS looked
    ORDER BY job_id DESC LIMIT 1
""").columns(_JOBS.c.job_id)
_TOTALS = text("""
    SELECT (SELECT count(*) FROM plate_assignments) AS plates, (SELECT count(*) FROM shares) AS shares,
        (SELECT count(*) FROM jobs) AS digests, clock_timestamp() AS now
""").columns(
    *(column(name, BigInteger) for name in ("plates", "shares", "digests")), column("now", DateTime(timezone=True))
)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Which keys the database has, by fingerprint, and since when it has the current one unless all is done."""

    current: str | None
    next: str | None
    switched_at: datetime | None


@dataclass(frozen=True, slots=True)
class HashedPlate:
    """A plate of a permit with its hash by the current key."""

    permit_id: UUID
    assigned_at: datetime
    plate: Plate
    plate_key: UUID


@dataclass(frozen=True, slots=True)
class Filled:
    """A plate of a permit with its hash by the next key."""

    permit_id: UUID
    assigned_at: datetime
    next_plate_key: UUID


@dataclass(frozen=True, slots=True)
class HashedShare:
    """A share's hashes."""

    key: ShareKey
    reference: UUID
    confirmed_hash: bytes | None
    held_subject: bytes | None


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """A share's hashes before and after."""

    permit_id: UUID
    provider: str
    old_hash: bytes | None
    old_subject: bytes | None
    new_hash: bytes | None
    new_subject: bytes | None


def read(db: Connection) -> Rotation:
    """Return where the database is between two keys."""
    return Rotation(*db.execute(_READ).one())


def begin(db: Connection, fingerprint: str) -> None:
    """Have plates hashed with the next key, too, from now on."""
    db.execute(_FORGET, {"walks": list(WALKS)})
    db.execute(_BEGIN, {"fingerprint": fingerprint})


def end(db: Connection) -> None:
    """Note that all hashes are made with the database's key."""
    db.execute(_FORGET, {"walks": list(WALKS)})
    db.execute(_END)


def totals(db: Connection) -> tuple[Mapping[str, int], datetime]:
    """Return how many rows there are for each walk, and the database's time."""
    row = db.execute(_TOTALS).one()
    return dict(zip(WALKS, row[:3], strict=True)), row.now


def position(db: Connection, walk: str) -> tuple[int, UUID | None]:
    """Return how many rows a walk has passed, and the last; None once it has ended."""
    stored = db.execute(_POSITION, {"walk": walk}).scalar()
    done, _, last = (stored or f"0 {UUID(int=0)}").partition(" ")
    return int(done), UUID(last) if last else None


def go_on(db: Connection, walk: str, done: int, last: UUID | None) -> None:
    """Store how far a walk has come."""
    db.execute(_GO_ON, {"walk": walk, "position": f"{done} {last or ''}".rstrip()})


def next_plates(db: Connection, after: UUID, limit: int) -> list[HashedPlate]:
    """Lock plates that have no hash by the next key, after a permit; pass over those that are locked."""
    return list(map(_plate, db.execute(_NEXT_PLATES, {"after": after, "limit": limit})))


def left_plates(db: Connection, limit: int) -> list[HashedPlate]:
    """Keep all others out of the plates, and return those that have no hash by the next key."""
    db.execute(_HAVE_TIME)
    db.execute(_WAIT_BRIEFLY)
    db.execute(_KEEP_OTHERS_OUT)
    return list(map(_plate, db.execute(_LEFT_PLATES, {"limit": limit})))


def fill(db: Connection, filled: Sequence[Filled]) -> None:
    """Store the hashes of plates by the next key."""
    db.execute(_FILL, arrays(filled, _FILLED))


def switch(db: Connection) -> None:
    """Make the next key the database's, once all plates have a hash by it; no process writes a plate meanwhile."""
    db.execute(_SWITCH)


def next_shares(db: Connection, after: UUID, limit: int) -> list[HashedShare]:
    """Return shares with a hash, after a permit."""
    rows = db.execute(_NEXT_SHARES, {"after": after, "limit": limit})
    return [
        HashedShare(ShareKey(row.permit_id, row.provider), row.reference, row.confirmed_hash, row.held_subject)
        for row in rows
    ]


def rekey(db: Connection, rekeyed: Sequence[Rekeyed]) -> set[ShareKey]:
    """Store other hashes of shares that are as they were, free and not under way; return those that were."""
    rows = db.execute(_REKEY, arrays(rekeyed, _REKEYED.c))
    return {ShareKey(row.permit_id, row.provider) for row in rows}


def empty_digests(db: Connection, after: UUID, limit: int, until: datetime) -> UUID | None:
    """Empty the digests of the next jobs that were recorded until then; return the last job looked at."""
    last: UUID | None = db.execute(_LAST_JOB, {"after": after, "limit": limit}).scalar()
    db.execute(_EMPTY, {"after": after, "limit": limit, "until": until})
    return last


def _plate(row: Any) -> HashedPlate:
    return HashedPlate(row.permit_id, row.assigned_at, Plate(row.raw, row.normalised, row.country), row.plate_key)
