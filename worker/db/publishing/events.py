"""The outbox: a resident's events, in order, without a gap."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from schemas.events import Event, EventData, EventType
from worker.db import tables
from worker.db.arrays import names, recordset, unnested
from worker.db.trip import Rows, Statement

_EVENTS = tables.events
_COLUMNS = _EVENTS.c["resident_id", "sequence", "event_id", "type", "data", "recorded_at"]
_NEW = _EVENTS.c["resident_id", "sequence", "type", "data"]
_APPEND = text(f"""
    WITH new AS (
        SELECT {names(_NEW)} FROM {recordset("events", "e", _NEW)}
    ), moved AS (
        UPDATE residents SET version = last.sequence
        FROM (SELECT resident_id, max(sequence) AS sequence FROM new GROUP BY resident_id) AS last
        WHERE residents.resident_id = last.resident_id
    )
    INSERT INTO events ({names(_NEW)}) SELECT {names(_NEW)} FROM new
    RETURNING {names(_COLUMNS)}
""").columns(*_COLUMNS)
_AFTER = text(f"""
    SELECT {names(_COLUMNS, "e")} FROM {unnested("known", _EVENTS.c["resident_id", "sequence"])}
    JOIN events e ON e.resident_id = known.resident_id AND e.sequence > known.sequence
    ORDER BY e.resident_id, e.sequence
""").columns(*_COLUMNS)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be written; its sequence is the resident's next."""

    resident_id: str
    sequence: int
    type: EventType
    data: EventData


def append(events: Iterable[NewEvent]) -> Statement[list[Event]]:
    """Append events and set their residents' version; the residents are locked."""
    rows = [
        {
            "resident_id": event.resident_id,
            "sequence": event.sequence,
            "type": event.type.value,
            "data": event.data.model_dump(mode="json", exclude_defaults=True),
        }
        for event in events
    ]
    return Statement(_APPEND, {"events": json.dumps(rows)}, _in_order)


def after(known: dict[str, int]) -> Statement[list[Event]]:
    """Return all events that follow each resident's known sequence, in each resident's order."""
    return Statement(_AFTER, {"resident_id": list(known), "sequence": list(known.values())}, _in_order)


def _in_order(rows: Rows) -> list[Event]:
    return sorted(map(_event, rows), key=lambda event: (event.subject, event.sequence))


def _event(row: Any) -> Event:
    return Event.model_construct(
        id=row.event_id,
        type=EventType(row.type),
        subject=row.resident_id,
        time=row.recorded_at,
        sequence=row.sequence,
        data=EventData.model_validate_json(json.dumps(row.data)),
    )
