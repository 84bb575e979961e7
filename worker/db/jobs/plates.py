"""Which permit has which plate, and since when; the database refuses one plate for two permits at a time."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, DateTime, column, text
from sqlalchemy.dialects.postgresql import JSONB

from worker.db import tables
from worker.db.arrays import among, recordset
from worker.db.trip import Statement, write
from worker.domain.plates import Plate

_PLATES = tables.plate_assignments
_ASSIGNED = (
    *_PLATES.c["permit_id", "raw", "normalised", "country"],
    column("keys", JSONB),
    column("reserved", Boolean),
    column("until", DateTime(timezone=True)),
)
# The database says which key is its own, and which is the next: a plate is known by these, whatever a process takes for
# current. Without the first, the row is refused.
_ASSIGN = text(f"""
    INSERT INTO plate_assignments
        (permit_id, assigned_at, raw, normalised, country, plate_key, next_plate_key, during)
    SELECT permit_id, at, raw, normalised, country,
        CAST(keys ->> coalesce(h.hash_key_fingerprint, :fingerprint) AS uuid),
        CAST(keys ->> h.next_hash_key_fingerprint AS uuid),
        CASE
            WHEN NOT reserved THEN 'empty'::tstzrange
            WHEN until IS NULL THEN tstzrange(at, NULL)  -- greatest() would pass over the NULL
            ELSE tstzrange(at, greatest(until, at))
        END
    FROM clock_timestamp() AS at, hub_state h, {recordset("assignments", "a", _ASSIGNED)}
    ON CONFLICT ON CONSTRAINT plate_in_use DO NOTHING
    RETURNING permit_id
""").columns(_PLATES.c.permit_id)
_LATEST = """
    WHERE permit_id = :permit_id AND assigned_at = (
        SELECT max(assigned_at) FROM plate_assignments WHERE permit_id = :permit_id)
"""
_EXTEND = text(
    "UPDATE plate_assignments SET during = tstzrange(coalesce(lower(during), clock_timestamp()), :until)" + _LATEST
)
_UNTIL_NOW = """
    CASE WHEN isempty(during) THEN during
    ELSE tstzrange(lower(during), greatest(lower(during), least(upper(during), clock_timestamp()))) END
"""
_RELEASE = text(f"UPDATE plate_assignments SET during = {_UNTIL_NOW}" + _LATEST)
_REPLACE = text(f"""
    UPDATE plate_assignments SET during = {_UNTIL_NOW}, replaced_at = clock_timestamp()
    WHERE permit_id = :permit_id AND replaced_at IS NULL
""")
_DELETE = _PLATES.delete().where(among(_PLATES.c.permit_id, "permit_ids"))


@dataclass(frozen=True, slots=True)
class Assignment:
    """A plate for a permit: reserved until a moment, without end (None), or not reserved.

    `plate_keys` are the plate's, by the fingerprint of each hash key that the process knows.
    """

    permit_id: UUID
    plate: Plate
    plate_keys: Mapping[str, UUID]
    reserved: bool
    until: datetime | None


def assign(assignments: Iterable[Assignment], fingerprint: str) -> Statement[set[UUID]]:
    """Assign plates to permits from now on; return the permits whose plate was free.

    `fingerprint` is that of the process's key, which counts if the database has none yet.
    """
    rows = [
        {
            "permit_id": str(a.permit_id),
            "raw": a.plate.raw,
            "normalised": a.plate.normalised,
            "country": a.plate.country,
            "keys": {name: str(key) for name, key in a.plate_keys.items()},
            "reserved": a.reserved,
            "until": a.until and a.until.isoformat(),
        }
        for a in assignments
    ]
    values = {"assignments": json.dumps(rows), "fingerprint": fingerprint}
    return Statement(_ASSIGN, values, lambda rows: {row.permit_id for row in rows})


def extend(permit_id: UUID, until: datetime | None) -> Statement[None]:
    """Move the end of a permit's running reservation; it may break the constraint `plate_in_use`."""
    return write(_EXTEND, {"permit_id": permit_id, "until": until})


def release(permit_id: UUID) -> Statement[None]:
    """End a permit's reservation now."""
    return write(_RELEASE, {"permit_id": permit_id})


def replace(permit_id: UUID) -> Statement[None]:
    """End a permit's reservation now, and mark its plate as replaced."""
    return write(_REPLACE, {"permit_id": permit_id})


def delete(permit_ids: Iterable[UUID]) -> Statement[None]:
    """Delete all plates of permits, also the replaced ones."""
    return write(_DELETE, {"permit_ids": list(permit_ids)})
