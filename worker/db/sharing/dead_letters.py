"""Dead letters: shares that a provider refused for good; the truth wants otherwise.

It is to hold nothing of them, but for one that needs no consent: that keeps what it holds of the same person and plate.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

_CHOSEN = """
    parked IS NOT NULL AND (CAST(:provider AS text) IS NULL OR provider = :provider)
    AND (CAST(:code AS text) IS NULL OR parked = :code)
    AND (CAST(:since AS timestamptz) IS NULL OR failed_at >= :since)
    AND (CAST(:until AS timestamptz) IS NULL OR failed_at < :until)
    AND (CAST(:permit_id AS uuid) IS NULL OR permit_id = :permit_id)
"""
_COLUMNS = """
    permit_id, provider, parked, failing_since, failed_at, confirmed_version < wanted_version AS removing,
    confirmed_version = wanted_version AND holds IS NOT FALSE AS kept
"""
_LIST = text(f"SELECT {_COLUMNS} FROM shares WHERE {_CHOSEN} ORDER BY failed_at, permit_id, provider LIMIT :limit")
_GROUPS = text(f"""
    SELECT provider, parked, count(*), min(coalesce(failing_since, failed_at)), max(failed_at)
    FROM shares WHERE {_CHOSEN} GROUP BY provider, parked ORDER BY 1, 2
""")
_DISCARD = text(f"""
    UPDATE shares SET parked = NULL, failing_since = NULL, failed_at = NULL
    FROM (
        SELECT permit_id, provider FROM shares WHERE {_CHOSEN} AND confirmed_version = wanted_version AND holds IS FALSE
        ORDER BY permit_id, provider LIMIT :limit FOR NO KEY UPDATE
    ) AS chosen
    WHERE shares.permit_id = chosen.permit_id AND shares.provider = chosen.provider
""")
_HISTORY = text("""
    SELECT d.recorded_at, d.fields_hash = '' AS removal, d.consent_version, o.outcome, o.code, o.recorded_at AS ended_at
    FROM disclosures d LEFT JOIN disclosure_outcomes o USING (disclosure_id)
    WHERE d.permit_id = :permit_id AND d.provider = :provider ORDER BY d.recorded_at DESC, o.recorded_at DESC LIMIT 20
""")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters: of a provider, with a code, whose last failure lies in a span of time, of one permit."""

    provider: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    permit_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A share that a provider refused; it may hold what it had before: while `removing`, or as that is `kept`."""

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
    """One request about a permit to a provider, and how it ended, as far as is known."""

    sent_at: datetime
    removal: bool
    consent_version: int | None
    outcome: str | None
    code: str | None
    ended_at: datetime | None


def find(db: Connection, choice: Choice, limit: int) -> list[DeadLetter]:
    """List dead letters, the longest dead first."""
    return [DeadLetter(*row) for row in db.execute(_LIST, _parameters(choice) | {"limit": limit})]


def groups(db: Connection, choice: Choice) -> list[Group]:
    """Count dead letters by provider and code."""
    return [Group(*row) for row in db.execute(_GROUPS, _parameters(choice))]


def discard(db: Connection, choice: Choice, limit: int) -> int:
    """Take some dead letters off the list whose provider has confirmed to hold nothing; return how many."""
    return db.execute(_DISCARD, _parameters(choice) | {"limit": limit}).rowcount


def history(db: Connection, permit_id: UUID, provider: str) -> list[Attempt]:
    """Read the latest requests about a permit to a provider."""
    return [Attempt(*row) for row in db.execute(_HISTORY, {"permit_id": permit_id, "provider": provider})]


def _parameters(choice: Choice) -> dict[str, object]:
    return {
        "provider": choice.provider,
        "code": choice.code,
        "since": choice.since,
        "until": choice.until,
        "permit_id": choice.permit_id,
    }
