"""Reconciliations: how far each has come, and which copies it has seen."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

_COLUMNS = """
    reconciliation_id, provider, dry_run, requested_at, started_at, read_at, finished_at, lease_id, cursor, position,
    shared_up_to, expected, pages, copies, differing, missing, orphans, foreign_copies, repeated,
    failures, code
"""
_REQUEST = text("""
    INSERT INTO reconciliations (provider, dry_run) VALUES (:provider, :dry_run)
    ON CONFLICT (provider) WHERE finished_at IS NULL DO NOTHING RETURNING reconciliation_id
""")
_TAKE = text(f"""
    UPDATE reconciliations SET lease_id = :lease_id, lease_until = now() + :lasts,
        started_at = coalesce(started_at, now())
    WHERE provider = :provider AND finished_at IS NULL AND (lease_until IS NULL OR lease_until <= now())
    RETURNING {_COLUMNS}
""")
_EXPECT = text("""
    UPDATE reconciliations SET expected = (SELECT count(*) FROM shares WHERE provider = :provider AND holds)
    WHERE reconciliation_id = :reconciliation_id AND lease_id = :lease_id
""")
_EXPECT_UNKNOWN = text("""
    UPDATE reconciliations SET expected = 0 WHERE reconciliation_id = :reconciliation_id AND lease_id = :lease_id
""")
_ADVANCE = text("""
    UPDATE reconciliations SET cursor = :cursor, read_at = CASE WHEN :last THEN clock_timestamp() END,
        pages = pages + 1, copies = copies + :copies, differing = differing + :differing, orphans = orphans + :orphans,
        foreign_copies = foreign_copies + :foreign, repeated = repeated + :repeated, failures = 0,
        lease_until = now() + :lasts
    WHERE reconciliation_id = :reconciliation_id AND lease_id = :lease_id
""")
_LOOK = text("""
    UPDATE reconciliations SET position = :position, missing = missing + :missing, lease_until = now() + :lasts
    WHERE reconciliation_id = :reconciliation_id AND lease_id = :lease_id
""")
_SHARE = text("""
    UPDATE reconciliations SET shared_up_to = :shared_up_to, lease_until = now() + :lasts
    WHERE reconciliation_id = :reconciliation_id AND lease_id = :lease_id
""")
_PAUSE = text("""
    UPDATE reconciliations SET lease_id = NULL, lease_until = now() + :wait, failures = failures + :failed,
        code = coalesce(:code, code)
    WHERE reconciliation_id = :reconciliation_id AND lease_id = :lease_id
""")
_FINISH = text("""
    UPDATE reconciliations SET finished_at = clock_timestamp(), lease_id = NULL, lease_until = NULL, code = :code
    WHERE reconciliation_id = :reconciliation_id AND lease_id = :lease_id
""")
_SEEN = text("""
    INSERT INTO reconciled_copies (reconciliation_id, reference, orphan)
    SELECT :reconciliation_id, reference, reference = ANY(CAST(:orphans AS uuid[]))
    FROM unnest(CAST(:references AS uuid[])) AS listed (reference)
    ON CONFLICT DO NOTHING RETURNING orphan
""")
_REPLACE = text("""
    UPDATE reconciliations SET finished_at = clock_timestamp(), lease_id = NULL, lease_until = NULL, code = :code
    WHERE provider = :provider AND finished_at IS NULL
""")
# Looked up by the index, for one finished reconciliation after the other: few have copies left.
_DELETE_COPIES = text("""
    DELETE FROM reconciled_copies c USING (
        SELECT r.reconciliation_id, of_one.reference FROM reconciliations r CROSS JOIN LATERAL (
            SELECT reference FROM reconciled_copies s WHERE s.reconciliation_id = r.reconciliation_id LIMIT :most
        ) of_one WHERE r.finished_at IS NOT NULL LIMIT :most
    ) old WHERE c.reconciliation_id = old.reconciliation_id AND c.reference = old.reference
""")
_WAITING = text("""
    SELECT provider FROM reconciliations WHERE finished_at IS NULL AND (lease_until IS NULL OR lease_until <= now())
""")
_READ = text(f"SELECT {_COLUMNS} FROM reconciliations WHERE reconciliation_id = :reconciliation_id")
_LATEST = text(f"SELECT DISTINCT ON (provider) {_COLUMNS} FROM reconciliations ORDER BY provider, requested_at DESC")
_LATEST_DONE = text(f"""
    SELECT DISTINCT ON (provider) {_COLUMNS} FROM reconciliations WHERE finished_at IS NOT NULL AND code IS NULL
    ORDER BY provider, requested_at DESC
""")


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One comparison of what a provider lists with what it confirmed."""

    reconciliation_id: UUID
    provider: str
    dry_run: bool
    requested_at: datetime
    started_at: datetime | None
    read_at: datetime | None  # all pages are read
    finished_at: datetime | None
    lease_id: UUID | None
    cursor: str | None  # of the next page
    position: UUID | None  # the last permit whose share was looked for among the copies
    shared_up_to: UUID | None  # the last permit that was made sure to have a share
    expected: int | None  # copies, when it started; 0 also where they could not be counted in time
    pages: int
    copies: int
    differing: int
    missing: int
    orphans: int
    foreign_copies: int
    repeated: int  # copies that were listed before
    failures: int  # in a row
    code: str | None  # of the last failure

    @property
    def drift(self) -> int:
        """Return how many copies were not as they should be."""
        return self.differing + self.missing + self.orphans


def request(db: Connection, provider: str, *, dry_run: bool) -> UUID | None:
    """Ask for a reconciliation; None when one is under way."""
    found: UUID | None = db.execute(_REQUEST, {"provider": provider, "dry_run": dry_run}).scalar_one_or_none()
    return found


def take(db: Connection, provider: str, lasts: timedelta) -> Reconciliation | None:
    """Take a reconciliation that waits to be begun or gone on with."""
    row = db.execute(_TAKE, {"provider": provider, "lease_id": uuid4(), "lasts": lasts}).one_or_none()
    return None if row is None else _reconciliation(row)


def expect(db: Connection, run: Reconciliation) -> None:
    """Note how many copies there should be; reads the whole table."""
    db.execute(_EXPECT, {"provider": run.provider} | _key(run))


def expect_unknown(db: Connection, run: Reconciliation) -> None:
    """Note that it is not known how many copies there should be."""
    db.execute(_EXPECT_UNKNOWN, _key(run))


def advance(
    db: Connection,
    run: Reconciliation,
    *,
    cursor: str | None,
    copies: int,
    differing: int,
    orphans: int,
    foreign: int,
    repeated: int,
    lasts: timedelta,
) -> bool:
    """Note that a page was compared; return whether the lease still held."""
    parameters: dict[str, object] = {"cursor": cursor, "last": cursor is None, "copies": copies, "differing": differing}
    parameters |= {"orphans": orphans, "foreign": foreign, "repeated": repeated, "lasts": lasts}
    return db.execute(_ADVANCE, parameters | _key(run)).rowcount == 1


def look(db: Connection, run: Reconciliation, position: UUID, missing: int, lasts: timedelta) -> bool:
    """Note up to which permit shares were looked for among the copies; return whether the lease still held."""
    parameters = {"position": position, "missing": missing, "lasts": lasts}
    return db.execute(_LOOK, parameters | _key(run)).rowcount == 1


def share(db: Connection, run: Reconciliation, shared_up_to: UUID, lasts: timedelta) -> None:
    """Note up to which permit all have a share."""
    db.execute(_SHARE, {"shared_up_to": shared_up_to, "lasts": lasts} | _key(run))


def pause(db: Connection, run: Reconciliation, wait: timedelta, code: str | None = None) -> None:
    """Give the lease back; it is gone on with after a while. `code` says what failed."""
    db.execute(_PAUSE, {"wait": wait, "failed": int(code is not None), "code": code} | _key(run))


def finish(db: Connection, run: Reconciliation, code: str | None = None) -> bool:
    """End a reconciliation, or (with a code) give it up; return whether the lease still held.

    `delete_copies` then tidies up.
    """
    return db.execute(_FINISH, {"code": code} | _key(run)).rowcount == 1


def delete_copies(db: Connection, most: int) -> int:
    """Delete which copies reconciliations saw that have ended; return how many."""
    return db.execute(_DELETE_COPIES, {"most": most}).rowcount


def begin_again(db: Connection, provider: str, code: str) -> None:
    """Ask for a reconciliation in place of the one that may be under way, which ends with this code."""
    db.execute(_REPLACE, {"provider": provider, "code": code})
    request(db, provider, dry_run=False)


def see(
    db: Connection, run: Reconciliation, references: Collection[UUID], orphans: Collection[UUID]
) -> tuple[int, int]:
    """Note the listed copies, and which are orphans; return how many of each were new."""
    parameters = {"reconciliation_id": run.reconciliation_id, "references": list(references), "orphans": list(orphans)}
    found = db.execute(_SEEN, parameters).scalars().all()
    return len(found), sum(found)


def waiting(db: Connection) -> list[str]:
    """Return the providers with a reconciliation that nobody is at."""
    return list(db.execute(_WAITING).scalars())


def read(db: Connection, reconciliation_id: UUID) -> Reconciliation:
    """Read one."""
    return _reconciliation(db.execute(_READ, {"reconciliation_id": reconciliation_id}).one())


def latest(db: Connection) -> dict[str, Reconciliation]:
    """Read each provider's latest."""
    return {row.provider: _reconciliation(row) for row in db.execute(_LATEST)}


def latest_done(db: Connection) -> dict[str, Reconciliation]:
    """Read each provider's latest that has come to its end."""
    return {row.provider: _reconciliation(row) for row in db.execute(_LATEST_DONE)}


def _key(run: Reconciliation) -> dict[str, object]:
    return {"reconciliation_id": run.reconciliation_id, "lease_id": run.lease_id}


def _reconciliation(row: Row[Any]) -> Reconciliation:
    return Reconciliation(**row._mapping)
