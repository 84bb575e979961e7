"""The sharing protocol: what one provider is to hold about one permit, against what it confirmed.

Pure transitions over one row. The database locks and stores the row, a drain sends; both do exactly what is returned
here. `now` is always the database's clock.

    want ──▶ due ──claim──▶ leased ──send──▶ record ──▶ confirmed, or due again

What keeps a withdrawn consent withdrawn:

* A claim *forgets* the confirmed hash: until a record says so, what the provider holds is unknown, and unknown
  equals nothing, so neither a put nor a removal is skipped on a guess.
* Only the holder of the lease records. Whoever comes late with a request that may have been applied makes the share
  due again.
* After an expired lease or an unclear outcome a stray request may still be applied. Until `unsettled_until` every
  confirmation is provisional: it is sent once more when the stray can no longer arrive.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from uuid import UUID

NOTHING = b""
"""The hash of holding nothing. A share that was never claimed holds nothing."""


class Urgency(IntEnum):
    """The order in which due shares are claimed."""

    CONSENT = 0  # consent and erasure
    CHANGE = 1  # one person's single change
    ROUTINE = 2  # calendar, import, reconciliation, replay


class Outcome(StrEnum):
    """What is known of a request once its exchange has ended."""

    CONFIRMED = "confirmed"
    NOT_SENT = "not_sent"  # surely not applied
    UNCLEAR = "unclear"  # may have been applied, or may be later
    REJECTED = "rejected"  # refused for good, not applied


@dataclass(frozen=True, slots=True)
class Share:
    """One (permit, provider): what is wanted, what was confirmed, and who is at it."""

    due_at: datetime
    wanted_version: int = 0
    confirmed_version: int = 0
    confirmed_hash: bytes | None = NOTHING  # None: unknown
    holds: bool | None = False  # by its last acknowledgement; None: unknown
    confirmed_at: datetime | None = None
    urgency: Urgency = Urgency.ROUTINE
    lease_id: UUID | None = None
    lease_until: datetime | None = None
    claimed_version: int = 0
    claimed_hash: bytes | None = None
    unsettled_until: datetime | None = None
    failures: int = 0
    parked: str | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a lease lasts, and how long a stray request may linger (T)."""

    lease: timedelta
    settle: timedelta


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one request; `retry_in` is how long to wait before the next one."""

    outcome: Outcome
    retry_in: timedelta = timedelta(0)
    code: str | None = None


def is_pending(share: Share) -> bool:
    """Tell whether the provider has yet to confirm what is wanted."""
    return share.confirmed_version < share.wanted_version


def is_leased(share: Share, now: datetime) -> bool:
    """Tell whether a drain holds this share."""
    return share.lease_until is not None and now < share.lease_until


def is_due(share: Share, now: datetime) -> bool:
    """Tell whether this share may be claimed."""
    return is_pending(share) and share.parked is None and share.due_at <= now and not is_leased(share, now)


def want(share: Share, urgency: Urgency, now: datetime) -> Share:
    """Note that the truth has changed: due at once, whatever was waiting or parked."""
    return replace(
        share,
        wanted_version=share.wanted_version + 1,
        urgency=min(urgency, share.urgency) if is_pending(share) else urgency,
        due_at=now,
        failures=0,
        parked=None,
    )


def claim(share: Share, wanted_hash: bytes, lease_id: UUID, now: datetime, timing: Timing) -> Share:
    """Take a due share for sending, or confirm it at once when the provider is known to hold what is wanted.

    The caller sends if, and only if, the returned share carries `lease_id`.
    """
    if share.confirmed_hash == wanted_hash:
        return replace(share, confirmed_version=share.wanted_version)
    unsettled_until = share.unsettled_until
    if share.lease_id is not None:  # it expired: its holder may have sent, or may still send
        unsettled_until = now + timing.settle
    elif unsettled_until is not None and unsettled_until <= now:
        unsettled_until = None
    return replace(
        share,
        confirmed_hash=None,
        holds=None,
        lease_id=lease_id,
        lease_until=now + timing.lease,
        claimed_version=share.wanted_version,
        claimed_hash=wanted_hash,
        unsettled_until=unsettled_until,
    )


def record(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """Note how a request ended; a record without the lease is evidence of a stale send."""
    if share.lease_id != lease_id:
        return _record_stale(share, result.outcome, now, timing)
    released = replace(share, lease_id=None, lease_until=None, claimed_hash=None)
    match result.outcome:
        case Outcome.CONFIRMED:
            return _confirm(share, released, now)
        case Outcome.REJECTED if share.claimed_hash != NOTHING and share.wanted_version == share.claimed_version:
            return replace(released, parked=result.code or "rejected", failures=share.failures + 1)
        case Outcome.UNCLEAR:
            released = replace(released, unsettled_until=now + timing.settle)
    if share.wanted_version > share.claimed_version:  # it moved on meanwhile: due at once, as `want` left it
        return released
    return replace(released, failures=share.failures + 1, due_at=now + result.retry_in)


def _confirm(share: Share, released: Share, now: datetime) -> Share:
    confirmed = replace(
        released,
        confirmed_version=share.claimed_version,
        holds=share.claimed_hash != NOTHING,
        confirmed_at=now,
        failures=0,
    )
    if share.unsettled_until is None:
        return replace(confirmed, confirmed_hash=share.claimed_hash)
    if share.wanted_version > share.claimed_version:
        return confirmed
    return replace(confirmed, wanted_version=share.wanted_version + 1, due_at=max(now, share.unsettled_until))


def _record_stale(share: Share, outcome: Outcome, now: datetime, timing: Timing) -> Share:
    if outcome in (Outcome.NOT_SENT, Outcome.REJECTED):
        return share
    lingers = now + timing.settle if outcome is Outcome.UNCLEAR else now
    return replace(
        share,
        confirmed_hash=None,
        holds=None,
        wanted_version=share.wanted_version + 1,
        urgency=Urgency.CONSENT,  # what was withdrawn may be held again
        due_at=now,
        unsettled_until=max(share.unsettled_until or lingers, lingers),
    )
