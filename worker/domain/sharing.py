"""The sharing protocol: what one provider is to hold about one permit, and what it confirmed.

Pure transitions over one row. The database locks and stores the row, and a drain sends; both do exactly what is
returned here. `now` is always the database's clock.

    want ──▶ due ──claim──▶ leased ──send──▶ record ──▶ confirmed, or due again
                                               └──▶ accepted: due again, to ask what became of the operation

How a withdrawn consent stays withdrawn:

* A claim *clears* the confirmed hash: until a record, it is unknown what the provider holds. Unknown equals no hash,
  so neither a put nor a removal is skipped on a guess.
* Only the holder of the lease records. A late record of a request that may have been applied makes the share due
  again.
* After an expired lease or an unclear outcome, a stray request may still be applied: any until `unsettled_until`, a put
  until `stray_put_until`. A confirmation that a stray may undo is *provisional*: what the provider holds stays unknown,
  no confirmation is published, and the request is sent again when the stray can no longer arrive. Any stray may undo a
  put; only a stray put may undo a removal. A removal is also repeated earlier (`REPEATS`), so that a stray put lasts
  less long.
* While a provider has an operation under way, nothing else is sent: the operation could overtake it. An operation that
  is not carried out within T counts as a stray.
* A put that is refused for good is *parked*: until the truth changes, the provider is to hold nothing instead. A
  provider that needs no consent *keeps* what it holds if all of it is of the same person and plate (`subject`, see
  `claim`).
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from uuid import UUID

NOTHING = b""
"""The hash of holding nothing. A share that was never claimed holds nothing."""

WITHHELD_UNTIL = datetime(9999, 1, 1, tzinfo=UTC)
"""When a share is due that waits until an operator releases it."""

REPEATS = (1 / 12, 1 / 4, 1 / 2)
"""When a provisional removal is repeated before T has passed, as parts of T: after 5, 15 and 30 s of 60."""


MIXED = b""
"""The subject of what may be held, when it may be of several persons or plates."""


class Urgency(IntEnum):
    """The order in which due shares are claimed."""

    CONSENT = 0  # consent and erasure
    CHANGE = 1  # one person's single change
    ROUTINE = 2  # clock, import, reconciliation, replay


class RequestOutcome(StrEnum):
    """What is known of a request after its exchange."""

    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"  # the provider applies it later: the hub asks
    NOT_SENT = "not_sent"  # surely not applied
    UNCLEAR = "unclear"  # may have been applied, or may still be
    LOST = "lost"  # the provider does not know the operation: treated as unclear
    REJECTED = "rejected"  # refused for good, not applied


@dataclass(frozen=True, slots=True)
class Share:
    """One (permit, provider): what is wanted, what is confirmed, and the request under way."""

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
    claimed_by: UUID | None = None  # the lease that it was sent under, which is the id of its disclosure
    claimed_subject: bytes | None = None  # subject of the put under way, if the provider keeps what it holds
    held_subject: bytes | None = None  # subject of all that may be held; None: nothing to keep
    requests: int = 0  # made so far: the version for a provider that fences
    operation: str | None = None  # what the provider calls the claimed request, while it is under way there
    operation_until: datetime | None = None
    unsettled_until: datetime | None = None  # a stray request may be applied until then
    stray_put_until: datetime | None = None  # a stray put, or one of unknown kind; never later than unsettled_until
    failures: int = 0
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    parked: str | None = None  # why what is wanted cannot be held


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a lease lasts, and how long a stray request may still be applied (T)."""

    lease: timedelta
    settle: timedelta


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one request; `retry_in` is how long to wait before the next one.

    `operation` is set with `ACCEPTED`; `version` if the provider has a later one than was sent; `hold` if it asked to
    be left alone.
    """

    outcome: RequestOutcome
    retry_in: timedelta = timedelta(0)
    code: str | None = None
    operation: str | None = None
    version: int | None = None
    hold: timedelta | None = None


def is_pending(share: Share) -> bool:
    """Return whether the provider has yet to confirm what is wanted."""
    return share.confirmed_version < share.wanted_version


def is_leased(share: Share, now: datetime) -> bool:
    """Return whether a drain holds this share."""
    return share.lease_until is not None and now < share.lease_until


def is_due(share: Share, now: datetime) -> bool:
    """Return whether this share may be claimed."""
    return is_pending(share) and share.due_at <= now and not is_leased(share, now)


def want(share: Share, urgency: Urgency, now: datetime) -> Share:
    """Record that the truth has changed: due at once, even if it was waiting or parked."""
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
    """Record that the provider may hold something else than it confirmed: the truth is sent again."""
    if share.claimed_hash is not None:
        # The request may have been applied before the copy changed, so its confirmation is provisional.
        share = _unsettled(share, now + timing.settle)
    return replace(
        share,
        wanted_version=share.wanted_version + 1,
        confirmed_hash=None,
        holds=None,
        urgency=share.urgency if is_pending(share) else Urgency.ROUTINE,
        due_at=share.due_at if is_pending(share) else now,
    )


def withhold(share: Share) -> Share:
    """Have a due share wait for an operator, or for the next change of the truth."""
    return replace(share, due_at=WITHHELD_UNTIL)


def claim(
    share: Share,
    wanted_hash: bytes,
    lease_id: UUID,
    now: datetime,
    timing: Timing,
    subject: bytes | None = None,
) -> Share:
    """Take a due share for sending or asking, or confirm it at once when the provider already holds what is wanted.

    `subject` is the keyed hash of the person and the plate. It is set if a refusal for good leaves in place what is
    held of the same subject, and None if that is removed.

    The caller acts if, and only if, the returned share carries `lease_id`. It asks if there is an operation, else it
    sends what `claimed_hash` stands for (for a parked share that is a removal, not what is wanted).
    """
    if share.operation is not None:
        return replace(share, lease_id=lease_id, lease_until=now + timing.lease)
    if share.parked is not None:
        if _keeps(share.held_subject, subject):  # invalidated since: the truth is tried again
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
    """Record how a request or a question ended; a record without the lease is evidence of a stale send."""
    if share.lease_id != lease_id:
        return _record_stale(share, result.outcome, now, timing)
    released = replace(share, lease_id=None, lease_until=None)
    outcome = result.outcome
    if share.operation is not None and outcome in STILL_OPEN:  # asked, without news
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
"""Outcomes of a question that tell nothing about the operation."""


def _fail(share: Share, ended: Share, result: Result, now: datetime) -> Share:
    failed = replace(
        ended,
        requests=max(share.requests, result.version or 0),
        failures=share.failures + 1,
        failing_since=share.failing_since or now,
        failed_at=now,
    )
    if share.wanted_version > share.claimed_version:  # the truth changed meanwhile: due at once, failures as they were
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
    """Return when to repeat a provisional removal, counted from when it became provisional."""
    arose_at = stray_put_until - timing.settle
    steps = (arose_at + part * timing.settle for part in REPEATS)
    return min((at for at in steps if at > now), default=stray_put_until)


def _record_stale(share: Share, outcome: RequestOutcome, now: datetime, timing: Timing) -> Share:
    if outcome in (RequestOutcome.NOT_SENT, RequestOutcome.REJECTED):
        return share
    # The kind of the stale request is not known any more: it may have been a put.
    return replace(
        _unsettled(share, now if outcome is RequestOutcome.CONFIRMED else now + timing.settle),
        confirmed_hash=None,
        holds=None,
        held_subject=MIXED,
        wanted_version=share.wanted_version + 1,
        urgency=Urgency.CONSENT,  # withdrawn data may be held again
        due_at=now,
    )


def _left_behind(share: Share, now: datetime, timing: Timing) -> Share:
    """Record that the claimed request may still be applied; a removal cannot bring data back."""
    until = now + timing.settle
    if share.claimed_hash == NOTHING:
        return replace(share, unsettled_until=_latest(share.unsettled_until, until))
    return replace(_unsettled(share, until), held_subject=_joined(share.held_subject, share.claimed_subject))


def _unsettled(share: Share, until: datetime) -> Share:
    """Record that the provider may come to hold anything, until `until`."""
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
    """Return the subject of what may be held once `added` may be held too."""
    if added is None or added == held:
        return held
    return added if held is None else MIXED


def _keeps(held: bytes | None, subject: bytes | None) -> bool:
    """Return whether all that may be held is of the same person and plate as the refused put."""
    return subject is not None and held == subject
