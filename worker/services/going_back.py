"""Notice that the database went back: a backup was restored, or a copy that lacks the last changes took over.

Two memories outside of the database tell: Redis has the mark of the last sweep, and the journal each decision.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

import structlog
from sqlalchemy import Connection

from schemas.events import ProviderEventType
from worker.db import hub_state, journaled
from worker.db.hub_state import FRESH, HubState, Sign
from worker.db.sharing import providers
from worker.hub import Hub
from worker.journal import Entry, Journal, JournalError

CLOCKS_APART = timedelta(minutes=10)  # of those who write the journal, and the database
SLICE = 500

log = structlog.get_logger()


def compare(hub: Hub, db: Connection, state: HubState, mark: int | None) -> tuple[Sign | None, HubState]:
    """Compare the database, whose state is locked, with what is remembered outside of it.

    Returns the sign that it went back, if there is one, and the state as compared, for the caller to write. The
    journal is read only if the database is in another place than before, or was not compared for a while. If it cannot
    be read then, or is another process's, the database stays uncompared, and nothing goes out on the strength of a
    consent.
    """
    place, now = hub_state.where(db)
    is_as_before = place == state.place and state.compared_at is not None and now - state.compared_at < FRESH
    sign, is_compared = None, True
    if mark is not None and mark > state.mark:
        sign = Sign.REDIS_IS_AHEAD
    elif not is_as_before and hub.journal is not None:
        try:
            sign = Sign.JOURNAL_IS_AHEAD if _knows_more(hub.journal, db, state.compared_at) else None
        except JournalError as error:
            log.error("journal.not_read", problem=str(error))
            is_compared = False
    elif not is_as_before:
        is_compared = not state.is_journaled
    if sign is not None:
        hub_state.note_restored(db, sign)
        _tell(hub, db, ProviderEventType.PUTS_WITHHELD)
        log.error("restore.noticed", sign=sign.value)
        state = hub_state.lock(db)
    if is_compared:
        state = replace(state, place=place, compared_at=now)
    return sign, replace(state, is_journaled=state.is_journaled or hub.journal is not None)


def release(hub: Hub, db: Connection) -> None:
    """Let go what was withheld; the sweeps make it due."""
    hub_state.release(db, is_journaled=hub.journal is not None)
    _tell(hub, db, ProviderEventType.PUTS_RELEASED)


def _knows_more(journal: Journal, db: Connection, compared_at: datetime | None) -> bool:
    """Return whether the journal has a decision, since the last comparison, that the database does not know."""
    lines = journal.read(None if compared_at is None else compared_at - CLOCKS_APART)
    while taken := list(islice(lines, SLICE)):
        asked = [(line.resident_id, line.job_id) for line in taken if isinstance(line, Entry)]
        if journaled.unknown(db, asked):
            return True
    return False


def _tell(hub: Hub, db: Connection, event: ProviderEventType) -> None:
    for name in hub.on_consent:
        providers.note(db, name, event)
