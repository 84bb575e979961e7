"""Residents: the row that every write locks first, and the version of their personal space."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, text

from schemas.jobs import ReminderChannel
from schemas.space import Reminders
from worker.db import tables
from worker.db.arrays import among, unnested
from worker.db.trip import Rows, Statement, write

_RESIDENTS = tables.residents
_REMINDERS = (
    _RESIDENTS.c.reminders,
    _RESIDENTS.c.email.is_not(None).label("email_known"),
    _RESIDENTS.c.email_refused_at,
)
_VERSIONS = select(
    _RESIDENTS.c.resident_id,
    _RESIDENTS.c.version,
    _RESIDENTS.c.published_version,
    _RESIDENTS.c.erased_at.is_not(None).label("erased"),
    *_REMINDERS,
).where(among(_RESIDENTS.c.resident_id, "resident_ids"))
_LOCKED = _VERSIONS.add_columns(func.now().label("began_at"), func.clock_timestamp().label("locked_at")).order_by(
    _RESIDENTS.c.resident_id
)
_LOCK = _LOCKED.with_for_update(key_share=True)
_LOCK_FREE = _LOCKED.with_for_update(key_share=True, skip_locked=True)
_CREATE = text(f"""
    INSERT INTO residents (resident_id) SELECT resident_id FROM {unnested("new", [_RESIDENTS.c.resident_id])} ORDER BY 1
    ON CONFLICT DO NOTHING
""")
_ONE = _RESIDENTS.c.resident_id == bindparam("of")
_EMAIL = bindparam("email", type_=_RESIDENTS.c.email.type)
_CHANNEL = bindparam("channel", type_=_RESIDENTS.c.reminders.type)
_UPDATE_CONTACT = (
    _RESIDENTS.update()
    .where(_ONE)
    .values(name=bindparam("name"), email=_EMAIL, language=bindparam("language"), contact_at=func.now())
    .values(email_refused_at=case((_RESIDENTS.c.email == _EMAIL, _RESIDENTS.c.email_refused_at)))
    .returning(*_REMINDERS)
)
_CHOOSE_REMINDERS = (
    _RESIDENTS.update()
    .where(_ONE)
    .values(reminders=_CHANNEL, email_refused_at=case((_CHANNEL == "none", _RESIDENTS.c.email_refused_at)))
    .returning(*_REMINDERS)
)
_REFUSE_EMAIL = (
    _RESIDENTS.update()
    .where(_ONE, _RESIDENTS.c.email == bindparam("address"), _RESIDENTS.c.email_refused_at.is_(None))
    .values(email_refused_at=func.now())
    .returning(*_REMINDERS)
)
_NO_CONTACT = dict.fromkeys(("name", "email", "language", "contact_at", "email_refused_at"))
_ERASE = (
    _RESIDENTS.update()
    .where(_ONE)
    .values(_NO_CONTACT)
    .values(erased_at=func.coalesce(_RESIDENTS.c.erased_at, func.now()))
    .returning(*_REMINDERS)
)
_DELETE_CONTACT = (
    _RESIDENTS.update()
    .where(_ONE, _RESIDENTS.c.contact_at < bindparam("before"))
    .values(_NO_CONTACT)
    .returning(*_REMINDERS)
)
_PUBLISHED = text(f"""
    UPDATE residents SET published_version = p.version
    FROM (
        SELECT r.resident_id, new.version FROM {unnested("new", _RESIDENTS.c["resident_id", "version"])}
        JOIN residents r ON r.resident_id = new.resident_id AND r.published_version < new.version
        ORDER BY r.resident_id FOR NO KEY UPDATE OF r
    ) AS p
    WHERE residents.resident_id = p.resident_id
""")
_UNPUBLISHED = (
    select(_RESIDENTS.c.resident_id, _RESIDENTS.c.version)
    .where(_RESIDENTS.c.published_version < _RESIDENTS.c.version)
    .order_by(_RESIDENTS.c.resident_id)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class Resident:
    """A resident's row; `version` is the personal space's, and the sequence of the last event."""

    resident_id: str
    version: int
    published_version: int
    erased: bool
    began_at: datetime  # when the transaction began, by the database's clock: the time of what it records
    locked_at: datetime  # by the same clock
    reminders: Reminders


@dataclass(frozen=True, slots=True)
class Published:
    """A resident's version, and the version up to which events are known to be published."""

    resident_id: str
    version: int
    published_version: int
    erased: bool
    reminders: Reminders


def lock(resident_ids: Collection[str]) -> Statement[dict[str, Resident]]:
    """Lock residents against every other write about them, in the one order that cannot deadlock."""
    return Statement(_LOCK, {"resident_ids": list(resident_ids)}, _residents)


def lock_free(resident_ids: Collection[str]) -> Statement[dict[str, Resident]]:
    """Lock those residents whose row is free, without waiting."""
    return Statement(_LOCK_FREE, {"resident_ids": list(resident_ids)}, _residents)


def create(resident_ids: Collection[str]) -> Statement[None]:
    """Insert a row for each resident who has none."""
    return write(_CREATE, {"resident_id": list(resident_ids)})


def read_many(resident_ids: Collection[str]) -> Statement[list[Published]]:
    """Read residents without locking them."""
    return Statement(_VERSIONS, {"resident_ids": list(resident_ids)}, lambda rows: list(map(_published, rows)))


def update_contact(resident_id: str, *, name: str, email: str, language: str) -> Statement[Reminders]:
    """Set a resident's name, address and language; a new address is no longer marked as refused."""
    contact = {"of": resident_id, "name": name, "email": email, "language": language}
    return Statement(_UPDATE_CONTACT, contact, _reminders_of_one)


def choose_reminders(resident_id: str, channel: ReminderChannel) -> Statement[Reminders]:
    """Set how a resident is reminded; choosing e-mail has the address tried again."""
    return Statement(_CHOOSE_REMINDERS, {"of": resident_id, "channel": channel.value}, _reminders_of_one)


def refuse_email(resident_id: str, email: str) -> Statement[Reminders | None]:
    """Mark a resident's address as refused; None if it has changed or is marked already."""
    return Statement(_REFUSE_EMAIL, {"of": resident_id, "address": email}, _reminders_if_any)


def erase(resident_id: str) -> Statement[Reminders]:
    """Delete a resident's personal data; the row and its opaque id stay for the ledgers."""
    return Statement(_ERASE, {"of": resident_id}, _reminders_of_one)


def delete_contact(resident_id: str, before: datetime) -> Statement[Reminders | None]:
    """Delete a resident's name, address and language; None if they were updated after `before`."""
    return Statement(_DELETE_CONTACT, {"of": resident_id, "before": before}, _reminders_if_any)


def unpublished(db: Connection, limit: int) -> dict[str, int]:
    """Return residents with events that may be unpublished, and their version."""
    return {row.resident_id: row.version for row in db.execute(_UNPUBLISHED, {"limit": limit})}


def mark_published(db: Connection, versions: dict[str, int]) -> None:
    """Note up to which version residents' events are published."""
    db.execute(_PUBLISHED, {"resident_id": list(versions), "version": list(versions.values())})


def _reminders(row: Any) -> Reminders:
    channel = ReminderChannel(row.reminders)
    known, refused_at = row.email_known, row.email_refused_at
    return Reminders.model_construct(channel=channel, email_known=known, email_refused_at=refused_at)


def _reminders_if_any(rows: Rows) -> Reminders | None:
    return _reminders(rows[0]) if rows else None


def _reminders_of_one(rows: Rows) -> Reminders:
    (row,) = rows
    return _reminders(row)


def _residents(rows: Rows) -> dict[str, Resident]:
    return {
        row.resident_id: Resident(
            row.resident_id,
            row.version,
            row.published_version,
            row.erased,
            row.began_at,
            row.locked_at,
            _reminders(row),
        )
        for row in rows
    }


def _published(row: Any) -> Published:
    return Published(row.resident_id, row.version, row.published_version, row.erased, _reminders(row))
