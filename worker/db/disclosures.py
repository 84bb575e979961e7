"""The log of disclosures: what was about to be sent, written before it was, and how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from worker.domain.sharing import Outcome

_APPEND = text("""
    INSERT INTO disclosures (disclosure_id, permit_id, provider, fields_hash, consent_version)
    SELECT * FROM unnest(
        CAST(:disclosure_id AS uuid[]), CAST(:permit_id AS uuid[]), CAST(:provider AS text[]),
        CAST(:fields_hash AS bytea[]), CAST(:consent_version AS integer[]))
""")
_APPEND_OUTCOMES = text("""
    INSERT INTO disclosure_outcomes (disclosure_id, outcome, code)
    SELECT * FROM unnest(CAST(:disclosure_id AS uuid[]), CAST(:outcome AS text[]), CAST(:code AS text[]))
    ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One request about to leave: its lease's id, a keyed hash of the exact fields (empty: a removal), the decision."""

    disclosure_id: UUID
    permit_id: UUID
    provider: str
    fields_hash: bytes
    consent_version: int | None


def append(db: Connection, disclosures: Sequence[Disclosure]) -> None:
    """Write disclosures before they are sent."""
    if disclosures:
        names = ("disclosure_id", "permit_id", "provider", "fields_hash", "consent_version")
        db.execute(_APPEND, {name: [getattr(entry, name) for entry in disclosures] for name in names})


def append_outcomes(db: Connection, outcomes: Sequence[tuple[UUID, Outcome, str | None]]) -> None:
    """Write how disclosures ended; a second word on one, from who came late, stands beside the first."""
    if not outcomes:
        return
    ids, ends, codes = zip(*outcomes, strict=True)
    parameters = {"disclosure_id": list(ids), "outcome": [end.value for end in ends], "code": list(codes)}
    db.execute(_APPEND_OUTCOMES, parameters)
