"""The sharing protocol: what one provider is to hold about one permit, against what it confirmed.

Pure transitions over one row. The database locks and stores the row, a drain sends; both do exactly what is returned
here. `now` is always the database's clock.

    want ──▶ due ──claim──▶ leased ──send──▶ record ──▶ confirmed, or due again
                                               └──▶ accepted: due again, to ask what became of the operation

What keeps a withdrawn consent withdrawn:

* A claim *forgets* the confirmed hash: until a record says so, what the provider holds is unknown, and unknown
  equals nothing, so neither a put nor a removal is skipped on a guess.
* Only the holder of the lease records. Whoever comes late with a request that may have been applied makes the share
  due again.
* After an expired lease or an unclear outcome a stray request may still be applied: any until `unsettled_until`, a put
  until `stray_put_until`. A confirmation that a stray may undo is *provisional*: what the provider holds stays unknown,
  nobody is told, and the request is sent once more when the stray can no longer arrive. Any stray may undo a put, only
  a stray put a removal. A removal is repeated sooner as well (`REPEATS`): a stray put lasts less.
* While a provider has an operation under way nothing else is sent: it could be overtaken. An operation that is not
  carried out within T counts as a stray.
* A put that is refused for good is *parked*: until the truth changes, the provider is to hold nothing instead. One
  that needs no consent *keeps* what it holds, if all of that is of the same person and plate: a `subject`, see `claim`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from uuid import UUID

NOTHING = b""
"""The hash of holding nothing. A share that was never claimed holds nothing."""

REPEATS = (1 / 12, 1 / 4, 1 / 2)
"""When a provisional removal is repeated before T has passed, as parts of T: after 5, 15 and 30 s of 60."""


MIXED = b""
"""The subject of what may be held, where it may be of several."""


class Urgency(IntEnum):
    """The order in which due shares are claimed."""

    CONSENT = 0  # consent and erasure
    CHANGE = 1  # one person's single change
    ROUTINE = 2  # calendar, import, reconciliation, replay


class RequestOutcome(StrEnum):
    """What is known of a request once its exchange has ended."""

    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"  # the provider carries it out later: it is to be asked
    NOT_SENT = "not_sent"  # surely not applied
    UNCLEAR = "unclear"  # may have been applied, or may be later
    LOST = "lost"  # the provider does not know its operation: as unclear
    REJECTED = "rejected"  # refused for good, not applied


@dataclass(frozen=True, slots=True)
class Share:
    """One (permit, provider): what is wanted, what was confirmed, and who is at it."""

    due_at: datetime
    wanted_version: int = 0
    confirmed_version: int = 0
    confirmed_hash: bytes | None = NOTHING  # None: unknown
    holds: bool | None = False  # confirmed for good, as `confirmed_hash` is; None: unknown
    confirmed_at: datetime | None = None
    urgency: Urgency = Urgency.ROUTINE
    lease_id: UUID | None = None
    lease_until: datetime | None = None
    claimed_version: int = 0
    claimed_hash: bytes | None = None
    claimed_by: UUID | None = None  # the lease that it was sent under: the id of its disclosure
    claimed_subject: bytes | None = None  # of the put under way, where the provider keeps what it holds
    held_subject: bytes | None = None  # of all that may be held there from before; None: nothing that is to be kept
    requests: int = 0  # made so far: the version that a provider which fences is told
    operation: str | None = None  # what the provider calls the claimed request, while it is under way there
    operation_until: datetime | None = None
    unsettled_until: datetime | None = None  # a stray request may be applied until then
    stray_put_until: datetime | None = None  # a stray put may be, or one of unknown kind; never later than the former
    failures: int = 0
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    parked: str | None = None  # why what is wanted cannot be held


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a lease lasts, and how long a stray request may linger (T)."""

    lease: timedelta
    settle: timedelta


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one request; `retry_in` is how long to wait before the next one.

    `operation` is set with `ACCEPTED`; `version` where the provider has a later one than was sent; `hold` where it
    asked to be left alone.
    """

    outcome: RequestOutcome
    retry_in: timedelta = timedelta(0)
    code: str | None = None
    operation: str | None = None
    version: int | None = None
    hold: timedelta | None = None


def is_pending(share: Share) -> bool:
    """Tell whether the provider has yet to confirm what is wanted."""
    return share.confirmed_version < share.wanted_version


def is_leased(share: Share, now: datetime) -> bool:
    """Tell whether a drain holds this share."""
    return share.lease_until is not None and now < share.lease_until


def is_due(share: Share, now: datetime) -> bool:
    """Tell whether this share may be claimed."""
    return is_pending(share) and share.due_at <= now and not is_leased(share, now)


def want(share: Share, urgency: Urgency, now: datetime) -> Share:
    """Note that the truth has changed: due at once, whatever was waiting or parked."""
    return replace(
        share,
        wanted_version=share.wanted_version + 1,
        urgency=min(urgency, share.urgency) if is_pending(share) else urgency,
        due_at=now,
        failures=0,
        failing_since=None,
        failed_at=None,
        parked=None,
    )


def invalidate(share: Share, now: datetime, timing: Timing) -> Share:
    """Note that the provider may hold something else than it confirmed: it is sent the truth again."""
    if share.claimed_hash is not None:
        # It may have been applied before the copy changed, to whatever it is now: its confirmation is provisional.
        share = _unsettled(share, now + timing.settle)
    return replace(
        share,
        wanted_version=share.wanted_version + 1,
        confirmed_hash=None,
        holds=None,
        urgency=share.urgency if is_pending(share) else Urgency.ROUTINE,
        due_at=share.due_at if is_pending(share) else now,
    )


def claim(
    share: Share,
    wanted_hash: bytes,
    lease_id: UUID,
    now: datetime,
    timing: Timing,
    subject: bytes | None = None,
) -> Share:
    """Take a due share for sending or asking, or confirm it at once when the provider is known to hold what is wanted.

    `subject` is a keyed hash of the person and the plate, where a refusal for good is to leave what is held of the same
    in place; None where it is to be removed.

    The caller acts if, and only if, the returned share carries `lease_id`: it asks where there is an operation, else
    it sends what `claimed_hash` is of (a parked share's removal is not what was wanted).
    """
    if share.operation is not None:
        return replace(share, lease_id=lease_id, lease_until=now + timing.lease)
    if share.parked is not None:
        if _keeps(share.held_subject, subject):  # invalidated by now: the truth is tried once more
            share = replace(share, parked=None)
        else:
            wanted_hash, subject = NOTHING, None
    if share.confirmed_hash == wanted_hash:
        return replace(share, confirmed_version=share.wanted_version)
    if share.lease_id is not None:  # it expired: its holder may have sent, or may still send
        share = _left_behind(share, now, timing)
    return replace(
        share,
        confirmed_hash=None,
        holds=None,
        lease_id=lease_id,
        lease_until=now + timing.lease,
        claimed_version=share.wanted_version,
        claimed_hash=wanted_hash,
        claimed_by=lease_id,
        claimed_subject=None if wanted_hash == NOTHING else subject,
        requests=share.requests + 1,
        unsettled_until=_unless_over(share.unsettled_until, now),
        stray_put_until=_unless_over(share.stray_put_until, now),
    )


def record(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """Note how a request or a question ended; a record without the lease is evidence of a stale send."""
    if share.lease_id != lease_id:
        return _record_stale(share, result.outcome, now, timing)
    released = replace(share, lease_id=None, lease_until=None)
    outcome = result.outcome
    if share.operation is not None and outcome in STILL_OPEN:  # asked, and told nothing new
        if share.operation_until is None or now < share.operation_until:
            return replace(released, due_at=now + result.retry_in)
        outcome = RequestOutcome.UNCLEAR
    if outcome is RequestOutcome.ACCEPTED:
        return replace(
            released, operation=result.operation, operation_until=now + timing.settle, due_at=now + result.retry_in
        )
    if outcome in (RequestOutcome.UNCLEAR, RequestOutcome.LOST):
        released = _left_behind(released, now, timing)
    ended = replace(
        released, claimed_hash=None, claimed_by=None, claimed_subject=None, operation=None, operation_until=None
    )
    if outcome is RequestOutcome.CONFIRMED:
        return _confirm(share, ended, now, timing)
    return _fail(share, ended, result, now)


STILL_OPEN = frozenset({RequestOutcome.ACCEPTED, RequestOutcome.NOT_SENT, RequestOutcome.UNCLEAR})
"""Outcomes of a question that say nothing of its operation."""


def _fail(share: Share, ended: Share, result: Result, now: datetime) -> Share:
    failed = replace(
        ended,
        requests=max(share.requests, result.version or 0),
        failures=share.failures + 1,
        failing_since=share.failing_since or now,
        failed_at=now,
    )
    if share.wanted_version > share.claimed_version:  # it moved on meanwhile: due at once, as that left it
        return replace(
            failed,
            failures=share.failures,
            failing_since=share.failing_since,
            failed_at=share.failed_at,
            due_at=min(share.due_at, now),
        )
    if result.outcome is RequestOutcome.REJECTED and share.claimed_hash != NOTHING:
        parked = replace(failed, parked=result.code or "rejected", failures=0, due_at=now)
        if _keeps(share.held_subject, share.claimed_subject):
            return replace(parked, confirmed_version=share.claimed_version)
        return parked
    return replace(failed, due_at=now + result.retry_in)


def _confirm(share: Share, ended: Share, now: datetime, timing: Timing) -> Share:
    confirmed = replace(ended, confirmed_version=share.claimed_version, failures=0)
    if share.parked is None:
        confirmed = replace(confirmed, failing_since=None, failed_at=None)
    removal = share.claimed_hash == NOTHING
    again_at = share.stray_put_until if removal else share.unsettled_until
    if again_at is None:
        return replace(
            confirmed,
            confirmed_hash=share.claimed_hash,
            holds=not removal,
            held_subject=share.claimed_subject,
            confirmed_at=now,
        )
    confirmed = replace(confirmed, held_subject=_joined(share.held_subject, share.claimed_subject))
    if share.wanted_version > share.claimed_version:
        return confirmed
    if removal:
        again_at = _repeat_at(again_at, now, timing)
    return replace(confirmed, wanted_version=share.wanted_version + 1, due_at=max(now, again_at))


def _repeat_at(stray_put_until: datetime, now: datetime, timing: Timing) -> datetime:
    """Return when a provisional removal is to be repeated, counted from when it became provisional."""
    arose_at = stray_put_until - timing.settle
    steps = (arose_at + part * timing.settle for part in REPEATS)
    return min((at for at in steps if at > now), default=stray_put_until)


def _record_stale(share: Share, outcome: RequestOutcome, now: datetime, timing: Timing) -> Share:
    if outcome in (RequestOutcome.NOT_SENT, RequestOutcome.REJECTED):
        return share
    # What it was is not known any more, so it may have been a put.
    return replace(
        _unsettled(share, now if outcome is RequestOutcome.CONFIRMED else now + timing.settle),
        confirmed_hash=None,
        holds=None,
        held_subject=MIXED,
        wanted_version=share.wanted_version + 1,
        urgency=Urgency.CONSENT,  # what was withdrawn may be held again
        due_at=now,
    )


def _left_behind(share: Share, now: datetime, timing: Timing) -> Share:
    """Note that what was claimed may still be applied; a removal cannot bring anything back."""
    until = now + timing.settle
    if share.claimed_hash == NOTHING:
        return replace(share, unsettled_until=_latest(share.unsettled_until, until))
    return replace(_unsettled(share, until), held_subject=_joined(share.held_subject, share.claimed_subject))


def _unsettled(share: Share, until: datetime) -> Share:
    """Note that until then the provider may come to hold anything."""
    return replace(
        share,
        unsettled_until=_latest(share.unsettled_until, until),
        stray_put_until=_latest(share.stray_put_until, until),
    )


def _latest(known: datetime | None, until: datetime) -> datetime:
    return until if known is None else max(known, until)


def _unless_over(until: datetime | None, now: datetime) -> datetime | None:
    return None if until is None or until <= now else until


def _joined(held: bytes | None, added: bytes | None) -> bytes | None:
    """Return the subject of what may be held once something more may be."""
    if added is None or added == held:
        return held
    return added if held is None else MIXED


def _keeps(held: bytes | None, subject: bytes | None) -> bool:
    """Tell whether all that may be held is of the same person and plate as what was refused."""
    return subject is not None and held == subject
