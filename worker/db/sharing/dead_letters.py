"""Dead letters: shares that a provider refused for good.

The provider is to hold nothing of them. One that needs no consent keeps its copies of the same person and plate.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Connection, bindparam, column, select, text

from worker.db import tables
from worker.db.arrays import kind

_SHARES = tables.shares
_CONDITIONS = (
    ("provider", _SHARES.c.provider, "="),
    ("code", _SHARES.c.parked, "="),
    ("since", _SHARES.c.failed_at, ">="),
    ("until", _SHARES.c.failed_at, "<"),
    ("permit_id", _SHARES.c.permit_id, "="),
)
_CHOSEN = "parked IS NOT NULL" + "".join(
    f" AND (CAST(:{name} AS {kind(compared)}) IS NULL OR {compared.name} {sign} :{name})"
    for name, compared, sign in _CONDITIONS
)
_CODE = column("code", _SHARES.c.parked.type)
_FAILURES = (column("first_failure", _SHARES.c.failing_since.type), column("last_failure", _SHARES.c.failed_at.type))
_LIST = text(f"""
    SELECT permit_id, provider, parked AS code, failing_since AS first_failure, failed_at AS last_failure,
        confirmed_version < wanted_version AS removing,
        confirmed_version = wanted_version AND holds IS NOT FALSE AS kept
    FROM shares WHERE {_CHOSEN} ORDER BY failed_at, permit_id, provider LIMIT :limit
""").columns(
    *_SHARES.c["permit_id", "provider"], _CODE, *_FAILURES, column("removing", Boolean), column("kept", Boolean)
)
_GROUPS = text(f"""
    SELECT provider, parked AS code, count(*), min(coalesce(failing_since, failed_at)) AS first_failure,
        max(failed_at) AS last_failure
    FROM shares WHERE {_CHOSEN} GROUP BY provider, parked ORDER BY 1, 2
""").columns(_SHARES.c.provider, _CODE, column("count", BigInteger), *_FAILURES)
_DISCARD = text(f"""
    UPDATE shares SET parked = NULL, failing_since = NULL, failed_at = NULL
    FROM (
        SELECT permit_id, provider FROM shares WHERE {_CHOSEN} AND confirmed_version = wanted_version AND holds IS FALSE
        ORDER BY permit_id, provider LIMIT :limit FOR NO KEY UPDATE
    ) AS chosen
    WHERE shares.permit_id = chosen.permit_id AND shares.provider = chosen.provider
""")
_SENT = tables.disclosures
_ENDED = tables.disclosure_outcomes
_HISTORY = (
    select(
        _SENT.c.recorded_at.label("sent_at"),
        (_SENT.c.fields_hash == b"").label("removal"),
        _SENT.c.consent_version,
        _ENDED.c.outcome,
        _ENDED.c.code,
        _ENDED.c.recorded_at.label("ended_at"),
    )
    .select_from(_SENT.outerjoin(_ENDED))
    .where(_SENT.c.permit_id == bindparam("permit_id"), _SENT.c.provider == bindparam("provider"))
    .order_by(_SENT.c.recorded_at.desc(), _ENDED.c.recorded_at.desc())
    .limit(20)
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters: by provider, code, span of the last failure, permit."""

    provider: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    permit_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A share that a provider refused; it may hold an earlier copy while `removing`, or because that is `kept`."""

    permit_id: UUID
    provider: str
    code: str
    first_failure: datetime
    last_failure: datetime
    removing: bool
    kept: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The dead letters of one provider with one code."""

    provider: str
    code: str
    count: int
    first_failure: datetime
    last_failure: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request about a permit to a provider, and its outcome if known."""

    sent_at: datetime
    removal: bool
    consent_version: int | None
    outcome: str | None
    code: str | None
    ended_at: datetime | None


def find(db: Connection, choice: Choice, limit: int) -> list[DeadLetter]:
    """List dead letters, the longest dead first."""
    return [DeadLetter(**row) for row in db.execute(_LIST, asdict(choice) | {"limit": limit}).mappings()]


def groups(db: Connection, choice: Choice) -> list[Group]:
    """Count dead letters by provider and code."""
    return [Group(**row) for row in db.execute(_GROUPS, asdict(choice)).mappings()]


def discard(db: Connection, choice: Choice, limit: int) -> int:
    """Discard dead letters whose provider has confirmed that it holds nothing; return how many."""
    return db.execute(_DISCARD, asdict(choice) | {"limit": limit}).rowcount


def history(db: Connection, permit_id: UUID, provider: str) -> list[Attempt]:
    """Read the latest requests about a permit to a provider."""
    rows = db.execute(_HISTORY, {"permit_id": permit_id, "provider": provider})
    return [Attempt(**row) for row in rows.mappings()]
