"""One resident's past, for their history."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, Connection, Row, bindparam, column, select, text

from schemas.events import EventType
from schemas.history import DecisionMade, Payment, PlateSince, Step
from worker.db import tables
from worker.db.arrays import names
from worker.domain.history import Disclosed, Past, RecordedOutcome
from worker.domain.plate_looks import shown
from worker.domain.plates import Plate
from worker.domain.sharing import RequestOutcome

T = TypeVar("T")

_PERMIT_IDS = "(SELECT permit_id FROM permits WHERE resident_id = :resident_id)"
_PLATE = tables.plate_assignments.c["permit_id", "raw", "normalised", "country", "assigned_at"]
_PAID = tables.payments.c["permit_id", "amount_cents", "recorded_at"]
_EVENTS = tables.events
_SENT = tables.disclosures
_ENDED = tables.disclosure_outcomes
_LEDGER = tables.consent_decisions
# A plate that was given up and reserved again, or typed in another way, is the same plate.
_PLATES = text(f"""
    SELECT {names(_PLATE)} FROM (
        SELECT {names(_PLATE)},
            lag(plate_key) OVER (PARTITION BY permit_id ORDER BY assigned_at) = plate_key AS again
        FROM plate_assignments WHERE permit_id IN {_PERMIT_IDS}
    ) assigned WHERE again IS NOT TRUE ORDER BY assigned_at
""").columns(*_PLATE)
_PAYMENTS = text(f"""
    SELECT {names(_PAID)} FROM payments WHERE permit_id IN {_PERMIT_IDS} ORDER BY recorded_at
""").columns(*_PAID)
_STEPS = text("""
    SELECT CAST(permit_id AS uuid) AS permit_id, type, recorded_at
    FROM events CROSS JOIN jsonb_array_elements_text(data -> 'permit_ids') AS permit_id
    WHERE resident_id = :resident_id AND type <> :shares_confirmed ORDER BY sequence
""").columns(tables.permits.c.permit_id, *_EVENTS.c["type", "recorded_at"])
_DECISIONS = (
    select(*_LEDGER.c["version", "choice", "providers", "text_version", "source", "decided_at", "recorded_at"])
    .where(_LEDGER.c.resident_id == bindparam("resident_id"))
    .order_by(_LEDGER.c.version)
)
_DISCLOSED = text(f"""
    SELECT d.permit_id, d.provider, d.recorded_at, d.fields_hash = '' AS removal, d.consent_version,
        ARRAY(SELECT outcome FROM disclosure_outcomes o WHERE o.disclosure_id = d.disclosure_id
            ORDER BY recorded_at, outcome) AS outcomes,
        ARRAY(SELECT recorded_at FROM disclosure_outcomes o WHERE o.disclosure_id = d.disclosure_id
            ORDER BY recorded_at, outcome) AS ended_at
    FROM disclosures d WHERE d.permit_id IN {_PERMIT_IDS} ORDER BY d.recorded_at
""").columns(
    *_SENT.c["permit_id", "provider", "recorded_at"],
    column("removal", Boolean),
    _SENT.c.consent_version,
    column("outcomes", ARRAY(_ENDED.c.outcome.type)),
    column("ended_at", ARRAY(_ENDED.c.recorded_at.type)),
)


def read(db: Connection, resident_id: str) -> Past:
    """Read the past in five statements, each by an index; the transaction is a snapshot."""
    resident = {"resident_id": resident_id}
    return Past(
        plates=_by_permit((row.permit_id, _plate_since(row)) for row in db.execute(_PLATES, resident)),
        payments=_by_permit(
            (row.permit_id, Payment(amount_cents=row.amount_cents, paid_at=row.recorded_at))
            for row in db.execute(_PAYMENTS, resident)
        ),
        steps=_by_permit(
            (row.permit_id, Step(type=EventType(row.type), at=row.recorded_at))
            for row in db.execute(_STEPS, resident | {"shares_confirmed": EventType.SHARES_CONFIRMED.value})
        ),
        decisions=[DecisionMade(**row) for row in db.execute(_DECISIONS, resident).mappings()],
        disclosed=[
            Disclosed(
                permit_id=row.permit_id,
                provider=row.provider,
                at=row.recorded_at,
                removal=row.removal,
                consent_version=row.consent_version,
                outcomes=tuple(
                    RecordedOutcome(RequestOutcome(outcome), at)
                    for outcome, at in zip(row.outcomes, row.ended_at, strict=True)
                ),
            )
            for row in db.execute(_DISCLOSED, resident)
        ],
    )


def _plate_since(row: Row[Any]) -> PlateSince:
    plate = shown(Plate(row.raw, row.normalised, row.country))
    return PlateSince(plate=plate, country=row.country, since=row.assigned_at)


def _by_permit(rows: Iterable[tuple[UUID, T]]) -> dict[UUID, list[T]]:
    found: dict[UUID, list[T]] = defaultdict(list)
    for permit_id, entry in rows:
        found[permit_id].append(entry)
    return found
