"""The consent ledger: append-only, by rights as well as by intent."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, Integer, bindparam, column, text

from schemas.jobs import ConsentChoice
from worker.db import tables
from worker.db.arrays import unnested
from worker.db.jobs import permits
from worker.db.jobs.permits import COLUMNS, NAMED, SOURCE
from worker.db.trip import Rows, Statement, write
from worker.domain.consent import ConsentDecision
from worker.domain.permit import Permit

_LEDGER = tables.consent_decisions
_IN_EFFECT = text("""
    SELECT resident_id, version, choice, array_agg(provider) AS providers, recorded_at FROM (
        SELECT DISTINCT ON (resident_id, provider) resident_id, provider, version, choice, recorded_at
        FROM consent_decisions CROSS JOIN unnest(providers) AS provider
        WHERE resident_id = ANY(:resident_ids) ORDER BY resident_id, provider, version DESC
    ) latest GROUP BY resident_id, version, choice, recorded_at ORDER BY resident_id, version
""").columns(*_LEDGER.c["resident_id", "version", "choice", "providers", "recorded_at"])
_TRUTH = text(f"""
    SELECT {COLUMNS}, asked.provider, d.version AS decision_version, d.choice, d.providers, d.recorded_at
    FROM {unnested("asked", [tables.shares.c.permit_id, tables.shares.c.provider])}
    JOIN {SOURCE} ON p.permit_id = asked.permit_id
    LEFT JOIN LATERAL (
        SELECT version, choice, providers, recorded_at FROM consent_decisions
        WHERE resident_id = p.resident_id AND asked.provider = ANY(providers) ORDER BY version DESC LIMIT 1
    ) d ON true
""").columns(
    *NAMED,
    tables.shares.c.provider,
    column("decision_version", Integer),
    *_LEDGER.c["choice", "providers", "recorded_at"],
)
_WRITTEN = [column.name for column in _LEDGER.c if column is not _LEDGER.c.recorded_at]
_APPEND = _LEDGER.insert().inline().values({name: bindparam(name) for name in _WRITTEN})
_LATEST_REFUSAL = text("""
    SELECT max(least(decided_at, recorded_at)) AS refused_at FROM consent_decisions
    WHERE resident_id = :resident_id AND choice = 'refuse' AND providers && CAST(:providers AS text[])
""").columns(refused_at=_LEDGER.c.decided_at.type)


_KNOWS = text("""
    SELECT EXISTS (
        SELECT FROM consent_texts WHERE sha256 = :sha256 AND version = :version AND choice = 'allow') AS knows
""").columns(knows=Boolean)


Truth = Mapping[tuple[UUID, str], tuple[Permit, ConsentDecision | None]]
"""A permit, and the decision in effect, for each permit and provider."""


def in_effect(resident_ids: Collection[str]) -> Statement[dict[str, list[ConsentDecision]]]:
    """Read residents' decisions in effect, in order, each with the providers that it still decides on."""

    def read(rows: Rows) -> dict[str, list[ConsentDecision]]:
        ledgers: dict[str, list[ConsentDecision]] = {resident_id: [] for resident_id in resident_ids}
        for row in rows:
            ledgers[row.resident_id].append(_decision(row.version, row.choice, row.providers, row.recorded_at))
        return ledgers

    return Statement(_IN_EFFECT, {"resident_ids": list(resident_ids)}, read)


def latest_refusal(resident_id: str, providers: Collection[str]) -> Statement[datetime | None]:
    """Return when the latest refusal of any of some providers was decided, or recorded if that was earlier."""
    values = {"resident_id": resident_id, "providers": list(providers)}
    return Statement(_LATEST_REFUSAL, values, lambda rows: rows[0].refused_at)


def knows_allowance(sha256: str, version: str) -> Statement[bool]:
    """Return whether a text of this hash and version is one by which residents allow."""
    return Statement(_KNOWS, {"sha256": sha256, "version": version}, lambda rows: bool(rows[0].knows))


def truth(keys: Collection[tuple[UUID, str]]) -> Statement[Truth]:
    """Read permits, each with the resident's latest decision that names the provider; erased ones are left out."""
    asked = {"permit_id": [permit_id for permit_id, _ in keys], "provider": [provider for _, provider in keys]}
    return Statement(_TRUTH, asked, _truth)


def append(
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
) -> Statement[None]:
    """Append one decision; the database sets `recorded_at`, the time at which the transaction began."""
    return write(
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
    )


def _truth(rows: Rows) -> Truth:
    return {
        (row.permit_id, row.provider): (
            permits.read(row),
            row.choice and _decision(row.decision_version, row.choice, row.providers, row.recorded_at),
        )
        for row in rows
    }


def _decision(version: int, choice: str, providers: Collection[str], recorded_at: datetime) -> ConsentDecision:
    return ConsentDecision(version, ConsentChoice(choice), frozenset(providers), recorded_at)
