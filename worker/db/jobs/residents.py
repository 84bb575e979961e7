"""Residents: the row that every write locks first, and the version of their personal space."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, func, select, text

from schemas.jobs import ReminderChannel
from schemas.space import Reminders
from worker.db import tables
from worker.db.arrays import among, unnested

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
_LOCKED = _VERSIONS.add_columns(func.clock_timestamp().label("locked_at")).order_by(_RESIDENTS.c.resident_id)
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
    locked_at: datetime  # the database's time
    reminders: Reminders


@dataclass(frozen=True, slots=True)
class Published:
    """A resident's version, and the version up to which events are known to be published."""

    resident_id: str
    version: int
    published_version: int
    erased: bool
    reminders: Reminders


def lock(db: Connection, resident_ids: Collection[str]) -> dict[str, Resident]:
    """Lock residents against every other write about them, in the one order that cannot deadlock."""
    rows = db.execute(_LOCK, {"resident_ids": list(resident_ids)})
    return {row.resident_id: _resident(row) for row in rows}


def lock_free(db: Connection, resident_ids: Collection[str]) -> dict[str, Resident]:
    """Lock those residents whose row is free, without waiting."""
    rows = db.execute(_LOCK_FREE, {"resident_ids": list(resident_ids)})
    return {row.resident_id: _resident(row) for row in rows}


def create(db: Connection, resident_ids: Collection[str]) -> None:
    """Insert a row for each resident who has none."""
    db.execute(_CREATE, {"resident_id": list(resident_ids)})


def read_many(db: Connection, resident_ids: Collection[str]) -> list[Published]:
    """Read residents without locking them."""
    rows = db.execute(_VERSIONS, {"resident_ids": list(resident_ids)})
    return [Published(row.resident_id, row.version, row.published_version, row.erased, _reminders(row)) for row in rows]


def update_contact(db: Connection, resident_id: str, *, name: str, email: str, language: str) -> Reminders:
    """Set a resident's name, address and language; a new address is no longer marked as refused."""
    contact = {"of": resident_id, "name": name, "email": email, "language": language}
    return _reminders(db.execute(_UPDATE_CONTACT, contact).one())


def choose_reminders(db: Connection, resident_id: str, channel: ReminderChannel) -> Reminders:
    """Set how a resident is reminded; choosing e-mail has the address tried again."""
    return _reminders(db.execute(_CHOOSE_REMINDERS, {"of": resident_id, "channel": channel.value}).one())


def refuse_email(db: Connection, resident_id: str, email: str) -> Reminders | None:
    """Mark a resident's address as refused; return None if it has changed or is marked already."""
    row = db.execute(_REFUSE_EMAIL, {"of": resident_id, "address": email}).first()
    return None if row is None else _reminders(row)


def erase(db: Connection, resident_id: str) -> Reminders:
    """Delete a resident's personal data; the row and its opaque id stay for the ledgers."""
    return _reminders(db.execute(_ERASE, {"of": resident_id}).one())


def delete_contact(db: Connection, resident_id: str, before: datetime) -> Reminders | None:
    """Delete a resident's name, address and language; None if they were updated after `before`."""
    row = db.execute(_DELETE_CONTACT, {"of": resident_id, "before": before}).first()
    return None if row is None else _reminders(row)


def unpublished(db: Connection, limit: int) -> dict[str, int]:
    """Return residents with events that may be unpublished, and their version."""
    return {row.resident_id: row.version for row in db.execute(_UNPUBLISHED, {"limit": limit})}


def mark_published(db: Connection, versions: dict[str, int]) -> None:
    """Note up to which version residents' events are published."""
    db.execute(_PUBLISHED, {"resident_id": list(versions), "version": list(versions.values())})


def _reminders(row: Row[Any]) -> Reminders:
    channel = ReminderChannel(row.reminders)
    known, refused_at = row.email_known, row.email_refused_at
    return Reminders.model_construct(channel=channel, email_known=known, email_refused_at=refused_at)


def _resident(row: Row[Any]) -> Resident:
    return Resident(row.resident_id, row.version, row.published_version, row.erased, row.locked_at, _reminders(row))
