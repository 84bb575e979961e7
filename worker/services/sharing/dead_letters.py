"""What operators do with dead letters, slice by slice."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from sqlalchemy import Connection

from worker.db.engine import transact
from worker.db.sharing import dead_letters, drift, shares
from worker.db.sharing.dead_letters import Choice, DeadLetter
from worker.db.sharing.shares import ShareKey
from worker.db.slices import Slices
from worker.db.trip import run
from worker.domain.sharing import Urgency, want
from worker.hub import Hub
from worker.services import routine

RETRIED, DISCARDED = Slices(most=1_000), Slices(most=1_000)


def retry(hub: Hub, choice: Choice) -> Iterator[int]:
    """Have today's truth sent again; yield the number of shares in each slice.

    Shares that fail again meanwhile are not retried again.
    """
    now = transact(hub.engine, drift.clock)
    choice = replace(choice, until=now if choice.until is None else min(choice.until, now))

    def slice_(db: Connection, limit: int) -> list[DeadLetter]:
        letters = sorted(dead_letters.find(db, choice, limit), key=_provider)
        for provider, of_one in groupby(letters, key=_provider):
            now, found = run(db, shares.lock([ShareKey(letter.permit_id, provider) for letter in of_one]))
            parked = {stored.key: stored.share for stored in found if stored.share.parked is not None}
            run(db, shares.update({key: want(share, Urgency.ROUTINE, now) for key, share in parked.items()}))
        return letters

    while letters := routine.take(hub, RETRIED, slice_):
        hub.wake({letter.provider for letter in letters})
        yield len(letters)


def discard(hub: Hub, choice: Choice) -> Iterator[int]:
    """Take dead letters off the list, yielding counts; data that may still be held stays on it until removed."""
    while count := routine.take(hub, DISCARDED, lambda db, limit: dead_letters.discard(db, choice, limit)):
        yield count


def _provider(letter: DeadLetter) -> str:
    return letter.provider
