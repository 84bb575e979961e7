"""What a resident's consent allows, read from the ledger of decisions, and what may be shared.

Nothing else makes a `SharedPermit`.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from integrations.base import Capabilities, LegalBasis
from schemas.jobs import ConsentChoice
from schemas.receipts import RefusalCode
from schemas.shared import Copy, SharedField, SharedPermit, Validity
from worker.domain.permit import Permit, Status
from worker.domain.refusal import JobRefusedError
from worker.domain.sharing import NOTHING
from worker.domain.terms import running

CLOCKS_APART = timedelta(minutes=5)
"""How far an upstream's clock may run ahead of the hub's: an allowance from further ahead is refused."""


@dataclass(frozen=True, slots=True)
class ConsentDecision:
    """One line of a resident's ledger; versions count from 1 without a gap, in the order of receipt."""

    version: int
    choice: ConsentChoice
    providers: frozenset[str]
    recorded_at: datetime


def decision_on(provider: str, ledger: Iterable[ConsentDecision]) -> ConsentDecision | None:
    """Return the latest decision that names this provider. A provider added later inherits no decision."""
    naming = (decision for decision in ledger if provider in decision.providers)
    return max(naming, key=lambda decision: decision.version, default=None)


def allows(decision: ConsentDecision | None) -> bool:
    """Return whether a provider may hold data on this decision; no decision is a refusal."""
    return decision is not None and decision.choice is ConsentChoice.ALLOW


def check_current(seen: int | None, current: int) -> None:
    """Refuse an allowance that was given on an outdated version of the consent.

    Raises:
        JobRefusedError: `missing_field` when the version is not given, `consent_stale` when it is outdated.
    """
    if seen is None:
        raise JobRefusedError(RefusalCode.MISSING_FIELD, "consent_version")
    if seen != current:
        raise JobRefusedError(RefusalCode.CONSENT_STALE, "consent_version")


def check_newer(decided_at: datetime, latest_refusal: datetime | None, now: datetime) -> None:
    """Refuse an allowance that was not decided after the latest refusal of a provider that it names.

    A decision dated in the future counts from when it was recorded (`counts_from`).

    Raises:
        JobRefusedError: `invalid_date` for a date more than `CLOCKS_APART` ahead, `consent_stale` for an older one.
    """
    if decided_at > now + CLOCKS_APART:
        raise JobRefusedError(RefusalCode.INVALID_DATE, "decided_at")
    if latest_refusal is not None and counts_from(decided_at, now) <= latest_refusal:
        raise JobRefusedError(RefusalCode.CONSENT_STALE, "decided_at")


def counts_from(decided_at: datetime, recorded_at: datetime) -> datetime:
    """Return when a decision counts as made: its date, but no later than when it was recorded."""
    return min(decided_at, recorded_at)


def shared_permit(
    permit: Permit, decision: ConsentDecision | None, capabilities: Capabilities, reference: UUID, today: date
) -> SharedPermit | None:
    """Return what a provider is to hold about a permit today, or None for nothing.

    Only fields that the provider declares to need. `decision` is the resident's latest that names this provider.
    """
    if capabilities.legal_basis is LegalBasis.CONSENT and not allows(decision):
        return None
    validity = shared_validity(permit, today)
    if permit.status is not Status.ACTIVE or validity is None:
        return None
    needs = capabilities.fields
    return SharedPermit(
        reference=reference,
        plate=permit.plate.normalised if SharedField.PLATE in needs else None,
        country=permit.plate.country if SharedField.COUNTRY in needs else None,
        zones=permit.zones if SharedField.ZONES in needs else None,
        profile=permit.profile if SharedField.PROFILE in needs else None,
        validity=validity if SharedField.VALIDITY in needs else None,
    )


def shared_validity(permit: Permit, today: date) -> Validity | None:
    """Return the period to share: today's or the next term, joined with those that follow it without a gap."""
    run = running(permit.terms, today)
    return None if run is None else Validity(run.first_day, run.last_day)


def fields_hash(shared: SharedPermit | Copy | None, key: bytes) -> bytes:
    """Return the keyed hash of the exact fields that a provider is to hold; `NOTHING` for none."""
    if shared is None:
        return NOTHING
    validity = shared.validity
    fields = [
        str(shared.reference),
        shared.plate,
        shared.country,
        shared.zones,
        shared.profile,
        validity and [validity.first_day.isoformat(), validity.last_day.isoformat()],
    ]
    return hmac.digest(key, json.dumps(fields).encode(), hashlib.sha256)


def subject_of(permit: Permit, key: bytes) -> bytes:
    """Return the keyed hash of a permit's person and plate."""
    of = [permit.resident_id, permit.plate.country, permit.plate.normalised]
    return hmac.digest(key, json.dumps(of).encode(), hashlib.sha256)
