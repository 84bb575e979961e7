"""Take the database from its hash key to the next one while it is in use, and go on where it was interrupted.

1. From the beginning on, each plate is also hashed with the next key; those that were there follow in slices.
2. In one short transaction, the next key becomes the database's. Processes notice within seconds.
3. Shares get hashes by the new key where nothing has changed, so that none is sent again. All others get one with their
   next confirmation.
4. Digests of jobs cannot be made again: they are emptied.

Until it has ended, each process has to know both keys.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from time import sleep
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from worker.db import rotation as rows
from worker.db.engine import transact
from worker.db.hash_key import ASK_AGAIN_SECONDS
from worker.db.jobs import consents
from worker.db.rotation import DIGESTS, PLATES, SHARES, Filled, HashedPlate, HashedShare, Rekeyed, Rotation
from worker.db.trip import run
from worker.domain.consent import fields_hash, shared_permit, subject_of
from worker.domain.plates import is_divided, plate_key
from worker.hub import Hub

ROWS = 2_000  # in one transaction
AT_THE_SWITCH = 2_000  # plates that may still lack their hash: they take a fraction of a second
NOTICED = timedelta(seconds=2 * ASK_AGAIN_SECONDS + 5)  # after the switch, with the longest transaction
TRIES = 20  # for what is locked

Slice = Callable[[Connection, UUID], tuple[int, UUID | None]]


class NoNextKeyError(Exception):
    """The process knows no key but the database's."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many rows of a walk are done."""

    walk: str
    done: int
    total: int


def rotate(hub: Hub, owner: Engine, today: date) -> Iterator[Progress]:
    """Take the database to the next key, or go on with it; `owner` may change its tables.

    Raises:
        NoNextKeyError: there is nothing to go on with, and no next key.
    """
    state = transact(owner, rows.read)
    if state.switched_at is None:
        if state.next is None:
            if (fingerprint := hub.keys.next) is None:
                raise NoNextKeyError
            transact(owner, lambda db: rows.begin(db, fingerprint))
        elif state.next not in hub.keys.known:
            raise NoNextKeyError
        yield from _walk(owner, PLATES, partial(_fill, hub))
        _switch(hub, owner)
        sleep(NOTICED.total_seconds())
    transact(owner, lambda db: hub.keys.follow(rows.read(db).current))
    yield from _walk(owner, SHARES, partial(_rekey, hub, today))
    switched_at = transact(owner, rows.read).switched_at
    assert switched_at is not None
    yield from _walk(owner, DIGESTS, lambda db, after: _empty(db, after, switched_at + NOTICED))
    transact(owner, rows.end)


def state(hub: Hub) -> tuple[Rotation, list[Progress]]:
    """Return where the database is between two keys, and how far each walk has come."""

    def read(db: Connection) -> tuple[Rotation, list[Progress]]:
        totals, _ = rows.totals(db)
        walks = [Progress(walk, min(rows.position(db, walk)[0], totals[walk]), totals[walk]) for walk in rows.WALKS]
        return rows.read(db), walks

    return transact(hub.engine, read)


def _walk(owner: Engine, walk: str, take: Slice) -> Iterator[Progress]:
    totals, _ = transact(owner, rows.totals)

    def step(db: Connection) -> tuple[int, UUID | None]:
        done, after = rows.position(db, walk)
        if after is None:
            return done, None
        more, last = take(db, after)
        rows.go_on(db, walk, done + more, last)
        return done + more, last

    while True:
        done, last = transact(owner, step)
        yield Progress(walk, min(done, totals[walk]), totals[walk])
        if last is None:
            return


def _fill(hub: Hub, db: Connection, after: UUID) -> tuple[int, UUID | None]:
    found = rows.next_plates(db, after, ROWS)
    rows.fill(db, _filled(hub, db, found))
    # A permit whose plates were cut apart by the limit is met again, by what is still to be filled of it.
    return len(found), _before_the_last(found) if len(found) == ROWS else None


def _before_the_last(found: Sequence[HashedPlate]) -> UUID:
    *before, last = sorted({one.permit_id for one in found})
    return before[-1] if before else last


def _filled(hub: Hub, db: Connection, found: Sequence[HashedPlate]) -> list[Filled]:
    fingerprint = rows.read(db).next
    assert fingerprint is not None
    key = hub.keys.known[fingerprint]
    return [Filled(one.permit_id, one.assigned_at, _by(key, one)) for one in found]


def _by(key: bytes, one: HashedPlate) -> UUID:
    """Return the hash of a plate by another key, with the division that it has."""
    made = plate_key(one.plate, key)
    return UUID(bytes=made.bytes[:15] + one.plate_key.bytes[15:]) if is_divided(one.plate) else made


def _switch(hub: Hub, owner: Engine) -> None:
    """Make the next key the database's; fill what was locked before, or written by a process without that key."""

    def switch(db: Connection) -> bool:
        left = rows.left_plates(db, AT_THE_SWITCH + 1)
        rows.fill(db, _filled(hub, db, left[:AT_THE_SWITCH]))
        if len(left) > AT_THE_SWITCH:
            return False
        rows.switch(db)
        return True

    for tries_left in reversed(range(TRIES)):
        try:
            while not transact(owner, switch):
                pass
        except OperationalError:  # others have the table: let those that queue behind go on
            if not tries_left:
                raise
            sleep(0.5)
        else:
            return


def _rekey(hub: Hub, today: date, db: Connection, after: UUID) -> tuple[int, UUID | None]:
    found = rows.next_shares(db, after, ROWS)
    whole = len(found) < ROWS
    last = None if whole else _last_whole(found)
    found = [one for one in found if last is None or one.key.permit_id <= last]
    truth = run(db, consents.truth([one.key for one in found]))
    changed = {one.key: made for one in found if (made := _rekeyed(hub, one, truth, today)) is not None}
    for _ in range(TRIES):
        if not changed:
            break
        done = rows.rekey(db, list(changed.values()))
        changed = {key: made for key, made in changed.items() if key not in done}
    return len(found), last


def _last_whole(found: Sequence[HashedShare]) -> UUID:
    """Return the last permit of which surely all shares were found."""
    *before, last = sorted({one.key.permit_id for one in found})
    return before[-1] if before else last


def _rekeyed(hub: Hub, one: HashedShare, truth: consents.Truth, today: date) -> Rekeyed | None:
    """Return a share's hashes by the current key, if they are those of the truth by another known key."""
    permit, decision = truth.get(one.key, (None, None))
    capabilities = hub.capabilities.get(one.key.provider)
    if permit is None or capabilities is None:
        return None
    shared = shared_permit(permit, decision, capabilities, one.reference, today)
    new_hash = _other(hub, one.confirmed_hash, partial(fields_hash, shared)) if shared else one.confirmed_hash
    new_subject = _other(hub, one.held_subject, partial(subject_of, permit))
    if (new_hash, new_subject) == (one.confirmed_hash, one.held_subject):
        return None
    return Rekeyed(*one.key, one.confirmed_hash, one.held_subject, new_hash, new_subject)


def _other(hub: Hub, stored: bytes | None, make: Callable[[bytes], bytes]) -> bytes | None:
    current, *others = hub.keys.each(make)
    return current if stored in others else stored


def _empty(db: Connection, after: UUID, until: datetime) -> tuple[int, UUID | None]:
    last = rows.empty_digests(db, after, ROWS, until)
    return ROWS, last
