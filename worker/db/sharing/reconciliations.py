"""Reconciliations: how far each has come, and which copies it has seen."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Boolean, Connection, Interval, Row, and_, bindparam, case, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from worker.db import tables
from worker.db.arrays import unnested


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One comparison of a provider's list with what it confirmed."""

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
    expected: int | None  # copies, when it started; 0 also if they could not be counted in time
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
        """Return how many copies were wrong."""
        return self.differing + self.missing + self.orphans


_RUNS = tables.reconciliations
_COPIES = tables.reconciled_copies
_COLUMNS = [_RUNS.c[field.name] for field in fields(Reconciliation)]
_LASTS = func.now() + bindparam("lasts", type_=Interval)
_FREE = or_(_RUNS.c.lease_until.is_(None), _RUNS.c.lease_until <= func.now())
_UNFINISHED = _RUNS.c.finished_at.is_(None)
_HELD = and_(_RUNS.c.reconciliation_id == bindparam("run"), _RUNS.c.lease_id == bindparam("lease"))
_ENDED: dict[str, Any] = {
    "finished_at": func.clock_timestamp(),
    "lease_id": None,
    "lease_until": None,
    "code": bindparam("code"),
}

_REQUEST = (
    insert(_RUNS)
    .values(provider=bindparam("provider"), dry_run=bindparam("dry_run"))
    .on_conflict_do_nothing(index_elements=[_RUNS.c.provider], index_where=_UNFINISHED)
    .returning(_RUNS.c.reconciliation_id)
)
_TAKE = (
    update(_RUNS)
    .where(_RUNS.c.provider == bindparam("name"), _UNFINISHED, _FREE)
    .values(lease_id=bindparam("lease"), lease_until=_LASTS)
    .values(started_at=func.coalesce(_RUNS.c.started_at, func.now()))
    .returning(*_COLUMNS)
)
_HOLDING = (
    select(func.count()).where(tables.shares.c.provider == bindparam("name"), tables.shares.c.holds).scalar_subquery()
)
_EXPECT = update(_RUNS).where(_HELD).values(expected=_HOLDING)
_EXPECT_UNKNOWN = update(_RUNS).where(_HELD).values(expected=0)
_COUNTED = ("copies", "differing", "orphans", "foreign_copies", "repeated")
_ADVANCE = (
    update(_RUNS)
    .where(_HELD)
    .values({name: _RUNS.c[name] + bindparam(name) for name in _COUNTED})
    .values(cursor=bindparam("cursor"), read_at=case((bindparam("last", type_=Boolean), func.clock_timestamp())))
    .values(pages=_RUNS.c.pages + 1, failures=0, lease_until=_LASTS)
)
_LOOK = (
    update(_RUNS)
    .where(_HELD)
    .values(position=bindparam("position"), missing=_RUNS.c.missing + bindparam("missing"), lease_until=_LASTS)
)
_SHARE = update(_RUNS).where(_HELD).values(shared_up_to=bindparam("shared_up_to"), lease_until=_LASTS)
_PAUSE = (
    update(_RUNS)
    .where(_HELD)
    .values(lease_id=None, lease_until=_LASTS, failures=_RUNS.c.failures + bindparam("failed"))
    .values(code=func.coalesce(bindparam("code", type_=_RUNS.c.code.type), _RUNS.c.code))
)
_FINISH = update(_RUNS).where(_HELD).values(_ENDED)
_REPLACE = update(_RUNS).where(_RUNS.c.provider == bindparam("name"), _UNFINISHED).values(_ENDED)
_SEEN = text(f"""
    INSERT INTO reconciled_copies (reconciliation_id, reference, orphan)
    SELECT :reconciliation_id, reference, orphan
    FROM {unnested("listed", _COPIES.c["reference", "orphan"])}
    ON CONFLICT DO NOTHING RETURNING orphan
""").columns(_COPIES.c.orphan)
# Looked up by the index, one finished reconciliation after another: few have copies left.
_DELETE_COPIES = text("""
    DELETE FROM reconciled_copies c USING (
        SELECT r.reconciliation_id, of_one.reference FROM reconciliations r CROSS JOIN LATERAL (
            SELECT reference FROM reconciled_copies s WHERE s.reconciliation_id = r.reconciliation_id LIMIT :most
        ) of_one WHERE r.finished_at IS NOT NULL LIMIT :most
    ) old WHERE c.reconciliation_id = old.reconciliation_id AND c.reference = old.reference
""")
_WAITING = select(_RUNS.c.provider).where(_UNFINISHED, _FREE)
_READ = select(*_COLUMNS).where(_RUNS.c.reconciliation_id == bindparam("run"))
_LATEST = select(*_COLUMNS).ext(distinct_on(_RUNS.c.provider)).order_by(_RUNS.c.provider, _RUNS.c.requested_at.desc())
_LATEST_DONE = _LATEST.where(_RUNS.c.finished_at.is_not(None), _RUNS.c.code.is_(None))


def request(db: Connection, provider: str, *, dry_run: bool) -> UUID | None:
    """Ask for a reconciliation; None when one is under way."""
    found: UUID | None = db.execute(_REQUEST, {"provider": provider, "dry_run": dry_run}).scalar_one_or_none()
    return found


def take(db: Connection, provider: str, lasts: timedelta) -> Reconciliation | None:
    """Lease a reconciliation that waits to begin or to continue."""
    row = db.execute(_TAKE, {"name": provider, "lease": uuid4(), "lasts": lasts}).one_or_none()
    return None if row is None else _reconciliation(row)


def expect(db: Connection, run: Reconciliation) -> None:
    """Note how many copies there should be; reads the whole table."""
    db.execute(_EXPECT, {"name": run.provider} | _key(run))


def expect_unknown(db: Connection, run: Reconciliation) -> None:
    """Note that the number of copies could not be counted."""
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
    parameters |= {"orphans": orphans, "foreign_copies": foreign, "repeated": repeated, "lasts": lasts}
    return db.execute(_ADVANCE, parameters | _key(run)).rowcount == 1


def look(db: Connection, run: Reconciliation, position: UUID, missing: int, lasts: timedelta) -> bool:
    """Note up to which permit shares were looked for among the copies; return whether the lease still held."""
    parameters = {"position": position, "missing": missing, "lasts": lasts}
    return db.execute(_LOOK, parameters | _key(run)).rowcount == 1


def share(db: Connection, run: Reconciliation, shared_up_to: UUID, lasts: timedelta) -> None:
    """Note up to which permit all have a share."""
    db.execute(_SHARE, {"shared_up_to": shared_up_to, "lasts": lasts} | _key(run))


def pause(db: Connection, run: Reconciliation, wait: timedelta, code: str | None = None) -> None:
    """Give the lease back for `wait`. `code` says what failed."""
    db.execute(_PAUSE, {"lasts": wait, "failed": int(code is not None), "code": code} | _key(run))


def finish(db: Connection, run: Reconciliation, code: str | None = None) -> bool:
    """Finish a reconciliation, or give it up with a code; return whether the lease still held.

    `delete_copies` deletes its copies afterwards.
    """
    return db.execute(_FINISH, {"code": code} | _key(run)).rowcount == 1


def delete_copies(db: Connection, most: int) -> int:
    """Delete the copies seen by finished reconciliations; return how many."""
    return db.execute(_DELETE_COPIES, {"most": most}).rowcount


def begin_again(db: Connection, provider: str, code: str) -> None:
    """Ask for a new reconciliation; one that is under way ends with this code."""
    db.execute(_REPLACE, {"name": provider, "code": code})
    request(db, provider, dry_run=False)


def see(
    db: Connection, run: Reconciliation, references: Collection[UUID], orphans: Collection[UUID]
) -> tuple[int, int]:
    """Note the listed copies, and which are orphans; return how many of each were new."""
    unknown = frozenset(orphans)
    parameters = {
        "reconciliation_id": run.reconciliation_id,
        "reference": list(references),
        "orphan": [reference in unknown for reference in references],
    }
    found = db.execute(_SEEN, parameters).scalars().all()
    return len(found), sum(found)


def waiting(db: Connection) -> list[str]:
    """Return the providers with a reconciliation that no task holds."""
    return list(db.execute(_WAITING).scalars())


def read(db: Connection, reconciliation_id: UUID) -> Reconciliation:
    """Read one."""
    return _reconciliation(db.execute(_READ, {"run": reconciliation_id}).one())


def latest(db: Connection) -> dict[str, Reconciliation]:
    """Read each provider's latest."""
    return {row.provider: _reconciliation(row) for row in db.execute(_LATEST)}


def latest_done(db: Connection) -> dict[str, Reconciliation]:
    """Read each provider's latest that finished without a failure."""
    return {row.provider: _reconciliation(row) for row in db.execute(_LATEST_DONE)}


def _key(run: Reconciliation) -> dict[str, object]:
    return {"run": run.reconciliation_id, "lease": run.lease_id}


def _reconciliation(row: Row[Any]) -> Reconciliation:
    return Reconciliation(**row._mapping)
