"""The outbox: what happened to a resident's affairs, in order, without a gap."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from schemas.events import Event, EventData, EventType

_APPEND = text("""
    WITH new AS (
        SELECT resident_id, sequence, type, data FROM jsonb_to_recordset(CAST(:events AS jsonb)) AS e
            (resident_id text, sequence bigint, type text, data jsonb)
    ), moved AS (
        UPDATE residents SET version = last.sequence
        FROM (SELECT resident_id, max(sequence) AS sequence FROM new GROUP BY resident_id) AS last
        WHERE residents.resident_id = last.resident_id
    )
    INSERT INTO events (resident_id, sequence, type, data) SELECT resident_id, sequence, type, data FROM new
    RETURNING resident_id, sequence, event_id, type, data, recorded_at
""")
_AFTER = text("""
    SELECT e.resident_id, e.sequence, e.event_id, e.type, e.data, e.recorded_at
    FROM unnest(CAST(:resident_ids AS text[]), CAST(:sequences AS bigint[])) AS known (resident_id, sequence)
    JOIN events e ON e.resident_id = known.resident_id AND e.sequence > known.sequence
    ORDER BY e.resident_id, e.sequence
""")


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be written; its sequence is the resident's next."""

    resident_id: str
    sequence: int
    type: EventType
    data: EventData


def append(db: Connection, events: Iterable[NewEvent]) -> list[Event]:
    """Write events and move their residents' version along; the residents are locked."""
    rows = [
        {
            "resident_id": event.resident_id,
            "sequence": event.sequence,
            "type": event.type.value,
            "data": event.data.model_dump(mode="json", exclude_defaults=True),
        }
        for event in events
    ]
    written = map(_event, db.execute(_APPEND, {"events": json.dumps(rows)}))
    return sorted(written, key=lambda event: (event.subject, event.sequence))


def after(db: Connection, known: dict[str, int]) -> list[Event]:
    """Return all events that follow each resident's known sequence, in each resident's order."""
    rows = db.execute(_AFTER, {"resident_ids": list(known), "sequences": list(known.values())})
    return [_event(row) for row in rows]


def _event(row: Row[Any]) -> Event:
    return Event.model_construct(
        id=row.event_id,
        type=EventType(row.type),
        subject=row.resident_id,
        time=row.recorded_at,
        sequence=row.sequence,
        data=EventData.model_validate_json(json.dumps(row.data)),
    )
