"""The log of disclosures: what was about to be sent, written before it was, and how it ended.

Written in one statement with the shares that they are about (`worker.db.sharing.shares`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from worker.domain.sharing import RequestOutcome

# statement_timestamp(): its share is locked by then, so what is written about it bears moments in their true order.
APPEND = """
    INSERT INTO disclosures (disclosure_id, permit_id, provider, fields_hash, consent_version, recorded_at)
    SELECT *, statement_timestamp() FROM unnest(
        CAST(:disclosure_id AS uuid[]), CAST(:disclosed_permit_id AS uuid[]), CAST(:disclosed_to AS text[]),
        CAST(:fields_hash AS bytea[]), CAST(:consent_version AS integer[]))
"""
# A second word on one disclosure, from who came late, stands beside the first.
APPEND_OUTCOMES = """
    INSERT INTO disclosure_outcomes (disclosure_id, outcome, code, recorded_at)
    SELECT *, statement_timestamp()
    FROM unnest(CAST(:ended_id AS uuid[]), CAST(:outcome AS text[]), CAST(:code AS text[]))
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One request about to leave: its lease's id, a keyed hash of the exact fields (empty: a removal), the decision."""

    disclosure_id: UUID
    permit_id: UUID
    provider: str
    fields_hash: bytes
    consent_version: int | None


class Ending(NamedTuple):
    """How a disclosure ended; `code` says why it was not confirmed."""

    disclosure_id: UUID
    outcome: RequestOutcome
    code: str | None


def parameters(disclosures: Sequence[Disclosure]) -> dict[str, list[Any]]:
    """Return the parameters of `APPEND`."""
    return {
        "disclosure_id": [entry.disclosure_id for entry in disclosures],
        "disclosed_permit_id": [entry.permit_id for entry in disclosures],
        "disclosed_to": [entry.provider for entry in disclosures],
        "fields_hash": [entry.fields_hash for entry in disclosures],
        "consent_version": [entry.consent_version for entry in disclosures],
    }


def ending_parameters(endings: Sequence[Ending]) -> dict[str, list[Any]]:
    """Return the parameters of `APPEND_OUTCOMES`."""
    return {
        "ended_id": [ending.disclosure_id for ending in endings],
        "outcome": [ending.outcome.value for ending in endings],
        "code": [ending.code for ending in endings],
    }
