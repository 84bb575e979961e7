"""The consent ledger: append-only, by rights as well as by intent."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from schemas.jobs import ConsentChoice
from worker.domain.consent import ConsentDecision

_READ = text("""
    SELECT resident_id, version, choice, providers, recorded_at
    FROM consent_decisions WHERE resident_id = ANY(:resident_ids) ORDER BY resident_id, version
""")
_LATEST_ON = text("""
    SELECT DISTINCT ON (resident_id) resident_id, version, choice, providers, recorded_at
    FROM consent_decisions
    WHERE resident_id = ANY(:resident_ids) AND :provider = ANY(providers)
    ORDER BY resident_id, version DESC
""")
_APPEND = text("""
    INSERT INTO consent_decisions
        (resident_id, version, choice, providers, text_version, text_sha256, source, job_id, decided_at)
    VALUES (:resident_id, :version, :choice, :providers, :text_version, :text_sha256, :source, :job_id, :decided_at)
    RETURNING recorded_at
""")


def read(db: Connection, resident_ids: Collection[str]) -> dict[str, list[ConsentDecision]]:
    """Read whole ledgers, by resident, in order."""
    ledgers: dict[str, list[ConsentDecision]] = {resident_id: [] for resident_id in resident_ids}
    for row in db.execute(_READ, {"resident_ids": list(resident_ids)}):
        ledgers[row.resident_id].append(_decision(row.version, row.choice, row.providers, row.recorded_at))
    return ledgers


def latest_on(db: Connection, provider: str, resident_ids: Collection[str]) -> dict[str, ConsentDecision]:
    """Read, by resident, the latest decision that names a provider."""
    rows = db.execute(_LATEST_ON, {"resident_ids": list(resident_ids), "provider": provider})
    return {row.resident_id: _decision(row.version, row.choice, row.providers, row.recorded_at) for row in rows}


def append(
    db: Connection,
    resident_id: str,
    *,
    version: int,
    choice: ConsentChoice,
    providers: Collection[str],
    text_version: str,
    text_sha256: str,
    source: str,
    job_id: UUID,
    decided_at: datetime,
) -> ConsentDecision:
    """Write one decision; the time of record is the database's."""
    recorded_at = db.execute(
        _APPEND,
        {
            "resident_id": resident_id,
            "version": version,
            "choice": choice.value,
            "providers": sorted(providers),
            "text_version": text_version,
            "text_sha256": text_sha256,
            "source": source,
            "job_id": job_id,
            "decided_at": decided_at,
        },
    ).scalar_one()
    return ConsentDecision(version, choice, frozenset(providers), recorded_at)


def _decision(version: int, choice: str, providers: Collection[str], recorded_at: datetime) -> ConsentDecision:
    return ConsentDecision(version, ConsentChoice(choice), frozenset(providers), recorded_at)
