"""Shares to invalidate, found by a provider's list, or by when they were confirmed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Boolean, Connection, column, func, select, text

from worker.db import tables

_SHARES = tables.shares
_KNOWN = text("""
    SELECT reference, permit_id,
        lease_id IS NULL AND operation IS NULL AND (confirmed_at IS NULL OR confirmed_at < :asked_at) AS settled,
        confirmed_hash
    FROM shares WHERE provider = :provider AND reference = ANY(:references)
""").columns(*_SHARES.c["reference", "permit_id"], column("settled", Boolean), _SHARES.c.confirmed_hash)
_ADOPT = text("""
    WITH slice AS (
        DELETE FROM reconciled_copies WHERE reconciliation_id = :reconciliation_id AND reference IN (
            SELECT reference FROM reconciled_copies WHERE reconciliation_id = :reconciliation_id AND orphan LIMIT :limit
        ) RETURNING reference
    ), made AS (
        INSERT INTO shares (permit_id, provider, reference, wanted_version, confirmed_version, urgency, due_at,
            claimed_version, failures)
        SELECT gen_random_uuid(), :provider, reference, 1, 0, 2, now(), 0, 0 FROM slice
        ON CONFLICT (reference) DO NOTHING
    )
    SELECT count(*) FROM slice
""").columns(count=BigInteger)
_LAST = column("last", _SHARES.c.permit_id.type)
_MISSING = text("""
    WITH slice AS (
        SELECT * FROM shares WHERE provider = :provider AND permit_id > :after
        ORDER BY permit_id LIMIT :limit
    )
    SELECT (SELECT permit_id FROM slice ORDER BY permit_id DESC LIMIT 1) AS last, ARRAY(
        SELECT permit_id FROM slice
        WHERE holds AND confirmed_hash IS NOT NULL AND lease_id IS NULL AND confirmed_at < :started_at
            AND NOT EXISTS (
                SELECT FROM reconciled_copies c
                WHERE c.reconciliation_id = :reconciliation_id AND c.reference = slice.reference)
    ) AS missing
""").columns(_LAST, column("missing", ARRAY(_SHARES.c.permit_id.type)))
_CONFIRMED_SINCE = text("""
    WITH slice AS (
        SELECT * FROM shares WHERE provider = :provider AND permit_id > :after
        ORDER BY permit_id LIMIT :limit
    )
    SELECT (SELECT permit_id FROM slice ORDER BY permit_id DESC LIMIT 1) AS last, ARRAY(
        SELECT permit_id FROM slice
        WHERE (confirmed_at >= :since AND confirmed_hash IS NOT NULL OR claimed_hash IS NOT NULL)
            AND (holds IS FALSE) = :removed
    ) AS found
""").columns(_LAST, column("found", ARRAY(_SHARES.c.permit_id.type)))
# As a scalar subquery it is looked up by the index for each row: a join may read the whole table.
_SHARE_NEXT = text("""
    WITH slice AS (
        SELECT permit_id, status FROM permits WHERE permit_id > :after ORDER BY permit_id LIMIT :limit
    ), made AS (
        INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, confirmed_hash, holds, urgency,
            due_at, claimed_version, failures)
        SELECT permit_id, :provider, 1, 0, '', false, 2, now(), 0, 0 FROM slice
        WHERE status = 'active'
            AND (SELECT true FROM shares s WHERE s.permit_id = slice.permit_id AND s.provider = :provider) IS NULL
        ON CONFLICT (permit_id, provider) DO NOTHING
    )
    SELECT permit_id FROM slice ORDER BY permit_id DESC LIMIT 1
""").columns(_SHARES.c.permit_id)
_CLOCK = select(func.clock_timestamp())
_START = UUID(int=0)  # below every permit's id


@dataclass(frozen=True, slots=True)
class Known:
    """The share of a listed copy; `settled`: nothing was under way since the list was asked for."""

    permit_id: UUID
    settled: bool
    confirmed_hash: bytes | None


def clock(db: Connection) -> datetime:
    """Return the database's time."""
    now: datetime = db.execute(_CLOCK).scalar_one()
    return now


def known(db: Connection, provider: str, references: Collection[UUID], asked_at: datetime) -> Mapping[UUID, Known]:
    """Return the shares of these copies; copies that the hub never made are left out."""
    parameters = {"provider": provider, "references": list(references), "asked_at": asked_at}
    return {
        row.reference: Known(row.permit_id, row.settled, row.confirmed_hash) for row in db.execute(_KNOWN, parameters)
    }


def adopt(db: Connection, provider: str, reconciliation_id: UUID, limit: int) -> int:
    """Insert shares that want nothing for the next listed copies that the hub never made; return how many.

    The lanes then remove the copies.
    """
    parameters = {"provider": provider, "reconciliation_id": reconciliation_id, "limit": limit}
    found: int = db.execute(_ADOPT, parameters).scalar_one()
    return found


def missing(
    db: Connection, provider: str, reconciliation_id: UUID, started_at: datetime, after: UUID | None, limit: int
) -> tuple[UUID | None, Sequence[UUID]]:
    """Look through the next shares, in the order of their permits, for those whose copy was not listed.

    Returns the last permit looked at (None: there are no more), and the permits whose copy is missing.
    """
    parameters = {"provider": provider, "reconciliation_id": reconciliation_id, "started_at": started_at}
    row = db.execute(_MISSING, parameters | {"after": after or _START, "limit": limit}).one()
    return row.last, row.missing


def confirmed_since(
    db: Connection, provider: str, since: datetime, after: UUID | None, limit: int, *, removed: bool
) -> tuple[UUID | None, Sequence[UUID]]:
    """Look through the next shares for those confirmed since a moment, or under way: removals, or others.

    Shares that are already invalidated are left out: they are sent anyway.
    """
    parameters = {"provider": provider, "since": since, "after": after or _START, "limit": limit, "removed": removed}
    row = db.execute(_CONFIRMED_SINCE, parameters).one()
    return row.last, row.found


def share_next(db: Connection, provider: str, after: UUID | None, limit: int) -> UUID | None:
    """Insert the shares that the next active permits lack; return the last permit looked at (None: there are no more).

    The claim of each finds out what it is to hold.
    """
    parameters = {"provider": provider, "after": after or _START, "limit": limit}
    last: UUID | None = db.execute(_SHARE_NEXT, parameters).scalar_one_or_none()
    return last
