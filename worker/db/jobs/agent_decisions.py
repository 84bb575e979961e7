"""The ledger of what city agents decided, and who did; residents are not shown it."""

from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from worker.db import tables
from worker.db.trip import Statement, write

_DECISIONS = tables.agent_decisions
_WRITTEN = ("job_id", "permit_id", "decision", "decided_by", "source")
_APPEND = _DECISIONS.insert().inline().values({name: bindparam(name) for name in _WRITTEN})


@dataclass(frozen=True, slots=True)
class AgentDecision:
    """One decision of an agent, and the source that it came from."""

    recorded_at: datetime
    permit_id: UUID
    decision: str
    decided_by: str
    source: str
    job_id: UUID


_LATEST = (
    select(*(_DECISIONS.c[field.name] for field in fields(AgentDecision)))
    .order_by(_DECISIONS.c.recorded_at.desc())
    .limit(bindparam("limit"))
)


def append(*, job_id: UUID, permit_id: UUID, decision: str, decided_by: str, source: str) -> Statement[None]:
    """Record a decision."""
    values = {
        "job_id": job_id,
        "permit_id": permit_id,
        "decision": decision,
        "decided_by": decided_by,
        "source": source,
    }
    return write(_APPEND, values)


def latest(db: Connection, limit: int) -> list[AgentDecision]:
    """Return the latest decisions, the newest first."""
    return [AgentDecision(*row) for row in db.execute(_LATEST, {"limit": limit})]
