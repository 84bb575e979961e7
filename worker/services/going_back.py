"""Notice that the database went back: a backup was restored, or a copy that lacks the last changes took over.

Two memories outside of the database tell: Redis has the mark of the last sweep, and the journal each decision.
"""

import structlog
from sqlalchemy import Connection

from schemas.events import ProviderEventType
from worker.db import hub_state, journaled
from worker.db.hub_state import HubState, Sign
from worker.db.sharing import providers
from worker.hub import Hub

log = structlog.get_logger()


def compare(hub: Hub, db: Connection, state: HubState, mark: int | None, *, is_elsewhere: bool) -> Sign | None:
    """Compare the database with what is remembered outside of it; return the sign that it went back, if there is one.

    The journal is read only if the database is elsewhere: in another place than when it was last compared.

    Raises:
        JournalError: the journal cannot be read.
    """
    if mark is not None and mark > state.mark:
        return Sign.REDIS_IS_AHEAD
    if is_elsewhere and hub.journal is not None:
        latest = [(entry.resident_id, entry.job_id) for entry in hub.journal.latest()]
        if journaled.unknown(db, latest):
            return Sign.JOURNAL_IS_AHEAD
    return None


def hold(hub: Hub, db: Connection, sign: Sign) -> None:
    """Hold what rests on consent until an operator releases it, and tell so."""
    hub_state.note_restored(db, sign)
    _tell(hub, db, ProviderEventType.PUTS_HELD)
    log.error("restore.noticed", sign=sign.value)


def release(hub: Hub, db: Connection) -> None:
    """Let go what was held; the sweeps make it due."""
    hub_state.release(db)
    _tell(hub, db, ProviderEventType.PUTS_RELEASED)


def _tell(hub: Hub, db: Connection, event: ProviderEventType) -> None:
    for name in hub.on_consent:
        providers.note(db, name, event)
