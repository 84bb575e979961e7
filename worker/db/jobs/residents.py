"""Residents: the row that every write locks first, and the version of their personal space."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from schemas.jobs import ReminderChannel
from schemas.space import Reminders

REMINDERS = "reminders, email IS NOT NULL AS email_known, email_refused_at"
_LOCKED = f"""
    SELECT resident_id, version, published_version, erased_at IS NOT NULL AS erased, clock_timestamp() AS locked_at,
        {REMINDERS}
    FROM residents WHERE resident_id = ANY(:resident_ids) ORDER BY resident_id FOR NO KEY UPDATE
"""
_LOCK = text(_LOCKED)
_LOCK_FREE = text(_LOCKED + "SKIP LOCKED")
_CREATE = text("""
    INSERT INTO residents (resident_id) SELECT unnest(CAST(:resident_ids AS text[])) ORDER BY 1 ON CONFLICT DO NOTHING
""")
_UPDATE_CONTACT = text(f"""
    UPDATE residents SET name = :name, email = :email, language = :language, contact_at = now(),
        email_refused_at = CASE WHEN email = :email THEN email_refused_at END
    WHERE resident_id = :resident_id RETURNING {REMINDERS}
""")
_CHOOSE_REMINDERS = text(f"""
    UPDATE residents SET reminders = :channel, email_refused_at = CASE WHEN :channel = 'none' THEN email_refused_at END
    WHERE resident_id = :resident_id RETURNING {REMINDERS}
""")
_REFUSE_EMAIL = text(f"""
    UPDATE residents SET email_refused_at = now()
    WHERE resident_id = :resident_id AND email = :email AND email_refused_at IS NULL
    RETURNING {REMINDERS}
""")
_NO_CONTACT = "name = NULL, email = NULL, language = NULL, contact_at = NULL, email_refused_at = NULL"
_ERASE = text(f"""
    UPDATE residents SET {_NO_CONTACT}, erased_at = coalesce(erased_at, now())
    WHERE resident_id = :resident_id RETURNING {REMINDERS}
""")
_DELETE_CONTACT = text(f"""
    UPDATE residents SET {_NO_CONTACT} WHERE resident_id = :resident_id AND contact_at < :before RETURNING {REMINDERS}
""")
_PUBLISHED = text("""
    UPDATE residents SET published_version = p.version
    FROM (
        SELECT r.resident_id, new.version
        FROM unnest(CAST(:resident_ids AS text[]), CAST(:versions AS bigint[])) AS new (resident_id, version)
        JOIN residents r ON r.resident_id = new.resident_id AND r.published_version < new.version
        ORDER BY r.resident_id FOR NO KEY UPDATE OF r
    ) AS p
    WHERE residents.resident_id = p.resident_id
""")
_UNPUBLISHED = text("""
    SELECT resident_id, version FROM residents WHERE published_version < version ORDER BY resident_id LIMIT :limit
""")
_VERSIONS = text(f"""
    SELECT resident_id, version, published_version, erased_at IS NOT NULL AS erased, {REMINDERS}
    FROM residents WHERE resident_id = ANY(:resident_ids)
""")


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
    """How far a resident's affairs have come, and how far that is known to be published."""

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
    """Lock those residents whom nobody else has locked, without waiting."""
    rows = db.execute(_LOCK_FREE, {"resident_ids": list(resident_ids)})
    return {row.resident_id: _resident(row) for row in rows}


def create(db: Connection, resident_ids: Collection[str]) -> None:
    """Make residents known, those who are not."""
    db.execute(_CREATE, {"resident_ids": list(resident_ids)})


def read_many(db: Connection, resident_ids: Collection[str]) -> list[Published]:
    """Read residents without locking them."""
    rows = db.execute(_VERSIONS, {"resident_ids": list(resident_ids)})
    return [Published(row.resident_id, row.version, row.published_version, row.erased, _reminders(row)) for row in rows]


def update_contact(db: Connection, resident_id: str, *, name: str, email: str, language: str) -> Reminders:
    """Set how a resident is addressed and reached; another address than before may be reached."""
    contact = {"resident_id": resident_id, "name": name, "email": email, "language": language}
    return _reminders(db.execute(_UPDATE_CONTACT, contact).one())


def choose_reminders(db: Connection, resident_id: str, channel: ReminderChannel) -> Reminders:
    """Set how a resident is reminded; whoever chooses e-mail has the address tried again."""
    return _reminders(db.execute(_CHOOSE_REMINDERS, {"resident_id": resident_id, "channel": channel.value}).one())


def refuse_email(db: Connection, resident_id: str, email: str) -> Reminders | None:
    """Note that a resident's address takes nothing; None where it is another by now, or that is known."""
    row = db.execute(_REFUSE_EMAIL, {"resident_id": resident_id, "email": email}).first()
    return None if row is None else _reminders(row)


def erase(db: Connection, resident_id: str) -> Reminders:
    """Delete what is personal in a resident's row; the row and its opaque id stay, for the ledgers."""
    return _reminders(db.execute(_ERASE, {"resident_id": resident_id}).one())


def delete_contact(db: Connection, resident_id: str, before: datetime) -> Reminders | None:
    """Delete how a resident is addressed and reached, until it is told again; None where it was told since a moment."""
    row = db.execute(_DELETE_CONTACT, {"resident_id": resident_id, "before": before}).first()
    return None if row is None else _reminders(row)


def unpublished(db: Connection, limit: int) -> dict[str, int]:
    """Return residents whose events are not known to be published, with their version."""
    return {row.resident_id: row.version for row in db.execute(_UNPUBLISHED, {"limit": limit})}


def mark_published(db: Connection, versions: dict[str, int]) -> None:
    """Note up to which version residents' events are published."""
    db.execute(_PUBLISHED, {"resident_ids": list(versions), "versions": list(versions.values())})


def _reminders(row: Row[Any]) -> Reminders:
    channel = ReminderChannel(row.reminders)
    known, refused_at = row.email_known, row.email_refused_at
    return Reminders.model_construct(channel=channel, email_known=known, email_refused_at=refused_at)


def _resident(row: Row[Any]) -> Resident:
    return Resident(row.resident_id, row.version, row.published_version, row.erased, row.locked_at, _reminders(row))
