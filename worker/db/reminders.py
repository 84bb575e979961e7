"""The ledger of reminders: decided once, claimed, and settled."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Connection, Double, Row, bindparam, column, func, select, text
from sqlalchemy.dialects.postgresql import insert

from integrations.channels.base import Occasion
from schemas.jobs import Language, ReminderChannel
from worker.db import tables
from worker.db.arrays import among, names, recordset, unnested
from worker.db.hub_state import IS_CURRENT
from worker.db.trip import Statement, write
from worker.domain.reminders import Contact, Reminder, State, Window

LEASE_SECONDS = 30  # longer than any task

_REMINDERS = tables.reminders
_PERMITS = tables.permits
_RESIDENTS = tables.residents
_CHANNELS = tables.channels
_TERMS = tables.terms
_DAY = _REMINDERS.c.day.type
WINDOW = (*_REMINDERS.c["occasion", "days_ahead"], column("first", _DAY), column("last", _DAY))
REACHED = "r.reminders <> 'none' AND r.name IS NOT NULL AND r.email IS NOT NULL AND r.email_refused_at IS NULL"
# A reminder nearer to its day says more than this one, so a clock that was set back decides nothing again. A dropped
# one was never sent, and is decided again if it matters after all. As a count it is looked up for each row, never
# joined: the ledger holds years of reminders.
_UNDECIDED = """
    0 = (
        SELECT count(*) FROM reminders m WHERE m.permit_id = p.permit_id AND m.occasion = w.occasion AND m.day = {day}
            AND m.days_ahead <= w.days_ahead AND m.state <> 'dropped')
"""
ENDING = f"""
    JOIN permits p ON p.permit_id = t.permit_id AND p.status = 'active'
    JOIN residents r USING (resident_id)
    WHERE NOT EXISTS (SELECT FROM terms later WHERE later.permit_id = t.permit_id AND later.last_day > t.last_day)
        AND {REACHED}
"""
_PAY_BY = "CAST(p.pending ->> 'pay_by' AS date)"
PAYABLE = f"""
    SELECT p.permit_id, w.occasion, {_PAY_BY} AS day, w.days_ahead
    FROM {recordset("payment", "w", WINDOW)}
    JOIN permits p ON p.pending ->> 'pay_by' IS NOT NULL
        AND p.pending ->> 'pay_by' BETWEEN CAST(w.first AS text) AND CAST(w.last AS text)
    JOIN residents r USING (resident_id)
    WHERE {REACHED} AND {_UNDECIDED.format(day=_PAY_BY)}
"""
# All reads go by indexes. Without this, outdated statistics may have the planner read the whole ledger for each row.
_BY_INDEXES = text("SET LOCAL enable_seqscan = off")
# A term is looked at once for each offset, and again when its resident's choice or address has changed.
_LOOK = text("""
    WITH due AS (
        SELECT permit_id, first_day FROM terms
        WHERE last_day BETWEEN :first AND :last AND decided_ahead > :days_ahead
        ORDER BY last_day LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE terms t SET decided_ahead = :days_ahead FROM due
    WHERE t.permit_id = due.permit_id AND t.first_day = due.first_day
    RETURNING t.permit_id, t.first_day
""").columns(*_TERMS.c["permit_id", "first_day"])
_INSERT = "INSERT INTO reminders (permit_id, occasion, day, days_ahead)"
_ONCE = """
    ON CONFLICT ON CONSTRAINT reminders_decided_once DO UPDATE
        SET state = 'due', code = NULL, decided_at = now(), due_at = clock_timestamp(), settled_at = NULL, failures = 0
        WHERE reminders.state = 'dropped'
    RETURNING permit_id
"""
_LOOKED = (*_TERMS.c["permit_id", "first_day"], _REMINDERS.c.days_ahead)
_DECIDE_EXPIRY = text(f"""
    {_INSERT} SELECT p.permit_id, w.occasion, t.last_day, w.days_ahead
    FROM (
        SELECT 'expiry' AS occasion, * FROM {recordset("looked", "looked", _LOOKED)}
    ) w JOIN terms t USING (permit_id, first_day)
    {ENDING} AND {_UNDECIDED.format(day="t.last_day")} {_ONCE}
""").columns(_REMINDERS.c.permit_id)
_DECIDE_PAYMENT = text(f"{_INSERT} {PAYABLE} ORDER BY day, permit_id LIMIT :limit {_ONCE}").columns(
    _REMINDERS.c.permit_id
)
_CLAIMED = _REMINDERS.c["reminder_id", "token", "permit_id", "occasion", "day", "days_ahead", "failures", "maybe_sent"]
_CLAIM = text(f"""
    WITH claimed AS (
        SELECT m.reminder_id, p.resident_id
        FROM reminders m JOIN permits p USING (permit_id) JOIN residents r USING (resident_id)
        WHERE m.state = 'due' AND m.due_at <= clock_timestamp() AND r.reminders IN (:channel, 'none')
            AND {IS_CURRENT}
        ORDER BY m.due_at LIMIT :limit FOR UPDATE OF m SKIP LOCKED
    )
    UPDATE reminders m
    SET lease_id = :lease_id, maybe_sent = maybe_sent + 1, due_at = clock_timestamp() + make_interval(secs => :seconds)
    FROM claimed WHERE m.reminder_id = claimed.reminder_id
    RETURNING {names(_CLAIMED, "m")}, claimed.resident_id
""").columns(*_CLAIMED, _PERMITS.c.resident_id)
_CONTACTS = select(*_RESIDENTS.c["resident_id", "name", "email", "language", "reminders", "email_refused_at"]).where(
    among(_RESIDENTS.c.resident_id, "resident_ids")
)
_SETTLED = (*_REMINDERS.c["reminder_id", "state", "code", "failures", "maybe_sent"], column("seconds", Double))
_SETTLE = text(f"""
    UPDATE reminders m
    SET state = new.state, code = new.code, failures = new.failures, maybe_sent = new.maybe_sent, lease_id = NULL,
        due_at = clock_timestamp() + make_interval(secs => new.seconds),
        settled_at = CASE WHEN new.state <> 'due' THEN clock_timestamp() END
    FROM {recordset("settled", "new", _SETTLED)}
    WHERE m.reminder_id = new.reminder_id AND m.lease_id = :lease_id
""")
_OF_RESIDENT = """
    FROM permits p JOIN residents r USING (resident_id)
    WHERE r.resident_id = :resident_id AND r.email_refused_at IS NULL
"""
_TRY_AGAIN = text(f"""
    WITH again AS (
        UPDATE reminders m
        SET state = 'due', decided_at = now(), due_at = clock_timestamp(), settled_at = NULL, failures = 0
        {_OF_RESIDENT} AND m.permit_id = p.permit_id AND m.state = 'unreachable'
    )
    UPDATE terms t SET decided_ahead = DEFAULT {_OF_RESIDENT} AND t.permit_id = p.permit_id
""")
_DECIDE_AGAIN = _TERMS.update().values(decided_ahead=text("DEFAULT")).where(among(_TERMS.c.permit_id, "permit_ids"))
_RESIDENT_OF = (
    select(_PERMITS.c.resident_id)
    .select_from(_REMINDERS.join(_PERMITS))
    .where(_REMINDERS.c.token == bindparam("token"))
)
_DUE_CHANNELS = text(f"""
    SELECT known.channel FROM {unnested("known", [_CHANNELS.c.channel])} WHERE EXISTS (
        SELECT FROM reminders m JOIN permits USING (permit_id) JOIN residents r USING (resident_id)
        WHERE m.state = 'due' AND m.due_at <= clock_timestamp() AND r.reminders IN (known.channel, 'none'))
        AND {IS_CURRENT}
""").columns(_CHANNELS.c.channel)
_NEW = insert(_CHANNELS).values(channel=bindparam("channel"), problem=bindparam("problem"), since=func.now())
_NOTE_CHANNEL = _NEW.on_conflict_do_update(
    index_elements=[_CHANNELS.c.channel],
    set_={"problem": _NEW.excluded.problem, "since": _NEW.excluded.since},
    where=_CHANNELS.c.problem.is_distinct_from(_NEW.excluded.problem),
)


@dataclass(frozen=True, slots=True)
class ClaimedReminder:
    """A reminder under a lease; `failures` and `maybe_sent` count its attempts, `maybe_sent` also this one."""

    reminder: Reminder
    resident_id: str
    failures: int
    maybe_sent: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of a claimed reminder's attempt; one that is still due is due again after `wait`."""

    reminder_id: UUID
    state: State
    code: str | None
    failures: int
    maybe_sent: int
    wait: timedelta = timedelta(0)

    @classmethod
    def of(cls, claimed: ClaimedReminder, state: State, code: str | None = None, maybe_sent: int | None = None) -> Self:
        """Return the end of a claimed reminder."""
        left = claimed.maybe_sent if maybe_sent is None else maybe_sent
        return cls(claimed.reminder.reminder_id, state, code, claimed.failures, left)


def decide(db: Connection, windows: Sequence[Window], limit: int) -> tuple[int, bool]:
    """Decide on the reminders that matter now, for at most `limit` terms and as many unpaid permits.

    Returns how many were decided, and whether there may be more.
    """
    db.execute(_BY_INDEXES)
    looked: list[dict[str, object]] = []
    for one in windows:
        if one.occasion is Occasion.EXPIRY:
            looked += _look(db, one, limit - len(looked))
    # In a later statement: a resident who changes their address now waits for this, or is seen by it.
    expiry = len(db.execute(_DECIDE_EXPIRY, {"looked": json.dumps(looked)}).all()) if looked else 0
    payment = len(db.execute(_DECIDE_PAYMENT, {**parameters(windows), "limit": limit}).all())
    return expiry + payment, len(looked) == limit or payment == limit


def parameters(windows: Iterable[Window]) -> dict[str, str]:
    """Return windows as parameters of statements, by occasion."""
    found: dict[str, list[dict[str, object]]] = {occasion.value: [] for occasion in Occasion}
    for one in windows:
        days = {"first": one.first.isoformat(), "last": one.last.isoformat()}
        found[one.occasion.value].append({"occasion": one.occasion.value, "days_ahead": one.days_ahead, **days})
    return {occasion: json.dumps(rows) for occasion, rows in found.items()}


def claim(db: Connection, lease_id: UUID, channel: str, limit: int) -> list[ClaimedReminder]:
    """Lease due reminders of residents who chose this channel, or none since; the longest due first."""
    given = {"lease_id": lease_id, "limit": limit, "seconds": LEASE_SECONDS, "channel": channel}
    return [_claimed(row) for row in db.execute(_CLAIM, given)]


def contacts(db: Connection, resident_ids: Collection[str]) -> dict[str, Contact]:
    """Read residents' current contacts."""
    rows = db.execute(_CONTACTS, {"resident_ids": list(resident_ids)})
    return {row.resident_id: _contact(row) for row in rows}


def settle(db: Connection, lease_id: UUID, settled: Sequence[Settled]) -> None:
    """Record the end of attempts whose lease still holds."""
    rows = [
        {
            "reminder_id": str(one.reminder_id),
            "state": one.state.value,
            "code": one.code,
            "failures": one.failures,
            "maybe_sent": one.maybe_sent,
            "seconds": one.wait.total_seconds(),
        }
        for one in settled
    ]
    db.execute(_SETTLE, {"settled": json.dumps(rows), "lease_id": lease_id})


def try_again(resident_id: str) -> Statement[None]:
    """Decide on a resident's reminders again, and make those due that an address refused.

    Nothing happens while the resident's address is marked as refused.
    """
    return write(_TRY_AGAIN, {"resident_id": resident_id})


def decide_again(db: Connection, permit_ids: Collection[UUID]) -> None:
    """Decide on the reminders of permits again."""
    db.execute(_DECIDE_AGAIN, {"permit_ids": list(permit_ids)})


def resident_of(db: Connection, token: UUID) -> str | None:
    """Return the resident of the reminder with this token."""
    resident_id: str | None = db.execute(_RESIDENT_OF, {"token": token}).scalar()
    return resident_id


def due_channels(db: Connection, channels: Collection[str]) -> list[str]:
    """Return those of the channels with a reminder to send now."""
    return list(db.execute(_DUE_CHANNELS, {"channel": list(channels)}).scalars())


def note_channel(db: Connection, channel: str, problem: str | None) -> None:
    """Note, for `status`, why a channel cannot send; None: it can."""
    db.execute(_NOTE_CHANNEL, {"channel": channel, "problem": problem})


def _look(db: Connection, window: Window, limit: int) -> list[dict[str, object]]:
    asked = {"first": window.first, "last": window.last, "days_ahead": window.days_ahead, "limit": limit}
    return [
        {"permit_id": str(row.permit_id), "first_day": str(row.first_day), "days_ahead": window.days_ahead}
        for row in db.execute(_LOOK, asked)
    ]


def _claimed(row: Row[Any]) -> ClaimedReminder:
    reminder = Reminder(row.reminder_id, row.token, row.permit_id, Occasion(row.occasion), row.day, row.days_ahead)
    return ClaimedReminder(reminder, row.resident_id, row.failures, row.maybe_sent)


def _contact(row: Row[Any]) -> Contact:
    return Contact(
        channel=None if row.reminders == ReminderChannel.NONE else row.reminders,
        name=row.name,
        email=row.email,
        language=row.language and Language(row.language),
        email_refused_at=row.email_refused_at,
    )
