"""The log of disclosures: each request before it is sent, and its outcome.

They are written in one statement with their shares (`worker.db.sharing.shares`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple
from uuid import UUID

from worker.db import tables
from worker.db.arrays import arrays, names, unnested
from worker.domain.sharing import RequestOutcome


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One request about to leave: its lease's id, a keyed hash of the exact fields (empty: a removal), the decision."""

    disclosure_id: UUID
    permit_id: UUID
    provider: str
    fields_hash: bytes
    consent_version: int | None


class DisclosureOutcome(NamedTuple):
    """The outcome of a disclosure; `code` says why it was not confirmed."""

    disclosure_id: UUID
    outcome: RequestOutcome
    code: str | None


_DISCLOSURE = [tables.disclosures.c[field.name] for field in fields(Disclosure)]
_OUTCOME = [tables.disclosure_outcomes.c[name] for name in DisclosureOutcome._fields]

APPEND = f"""
    INSERT INTO disclosures ({names(_DISCLOSURE)})
    SELECT * FROM {unnested("new_disclosure", _DISCLOSURE, "disclosed_")}
"""
# A second outcome of one disclosure, told by a request that came late, stands beside the first.
APPEND_OUTCOMES = f"""
    INSERT INTO disclosure_outcomes ({names(_OUTCOME)})
    SELECT * FROM {unnested("new_outcome", _OUTCOME, "ended_")}
    ON CONFLICT DO NOTHING
"""


def parameters(disclosures: Sequence[Disclosure]) -> dict[str, str]:
    """Return the parameters of `APPEND`."""
    return arrays(disclosures, _DISCLOSURE, "disclosed_")


def outcome_parameters(outcomes: Sequence[DisclosureOutcome]) -> dict[str, str]:
    """Return the parameters of `APPEND_OUTCOMES`."""
    return arrays(outcomes, _OUTCOME, "ended_")
