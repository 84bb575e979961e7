"""Wrong ways to claim, send and record, each wrong in one point."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tests.sharing.rules import REAL, Rules
from worker.domain.sharing import NOTHING, RequestOutcome, Result, Share, Timing, Urgency, is_pending

Claim = Callable[[Share, bytes, UUID, datetime, Timing], Share]
Record = Callable[[Share, UUID, Result, datetime, Timing], Share]
Want = Callable[[Share, Urgency, datetime], Share]


def no_fence(share: Share, now: datetime) -> bool:
    """A live lease does not stop another claim."""
    return REAL.is_due(replace(share, lease_until=None), now)


def hash_kept_at_claim(share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing) -> Share:
    """During a request, the earlier confirmation still counts as held."""
    return replace(REAL.claim(share, wanted, lease_id, now, timing), confirmed_hash=share.confirmed_hash)


def removal_skipped_too_early(share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing) -> Share:
    """Without an acknowledgement nothing is removed, though something may have been sent."""
    if wanted == NOTHING and not share.holds:
        share = replace(share, confirmed_hash=NOTHING, unsettled_until=None, stray_put_until=None)
    return REAL.claim(share, wanted, lease_id, now, timing)


def record_without_lease(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """A late drain records as if it still had the lease."""
    return REAL.record(replace(share, lease_id=lease_id), lease_id, result, now, timing)


def no_settling(rules: Rules) -> Rules:
    """Every confirmation is final at once, despite strays."""

    def claim(share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing) -> Share:
        return replace(rules.claim(share, wanted, lease_id, now, timing), unsettled_until=None, stray_put_until=None)

    def record(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
        return replace(rules.record(share, lease_id, result, now, timing), unsettled_until=None, stray_put_until=None)

    return replace(rules, claim=claim, record=record)


def expired_lease_counts_as_not_sent(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """A request of a dead drain counts as not sent."""
    return REAL.claim(replace(share, lease_id=None, lease_until=None), wanted, lease_id, now, timing)


def unclear_counts_as_not_sent(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """A request that timed out counts as not arrived."""
    if result.outcome is RequestOutcome.UNCLEAR:
        result = replace(result, outcome=RequestOutcome.NOT_SENT)
    return REAL.record(share, lease_id, result, now, timing)


def settled_by_the_time_of_the_record(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """A confirmation is final once the strays are over, though its request was sent before that."""
    if share.unsettled_until is not None and share.unsettled_until <= now:
        share = replace(share, unsettled_until=None, stray_put_until=None)
    return REAL.record(share, lease_id, result, now, timing)


def provisional_never_sent_again(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """A provisional confirmation is never repeated."""
    after = REAL.record(share, lease_id, result, now, timing)
    if (
        result.outcome is RequestOutcome.CONFIRMED
        and share.lease_id == lease_id
        and share.wanted_version == share.claimed_version
    ):
        return replace(after, wanted_version=after.confirmed_version)
    return after


def provisional_confirmation_is_published(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """A confirmation is published at once, though a stray may still undo it."""
    after = REAL.record(share, lease_id, result, now, timing)
    if result.outcome is RequestOutcome.CONFIRMED and share.lease_id == lease_id:
        return replace(after, holds=share.claimed_hash != NOTHING)
    return after


def first_repeat_settles(share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing) -> Share:
    """A removal confirmed for the second time is final, however early."""
    if share.lease_id is None and share.claimed_version == share.confirmed_version:
        share = replace(share, unsettled_until=None, stray_put_until=None)
    return REAL.claim(share, wanted, lease_id, now, timing)


def old_confirmation_counts_for_the_new_truth(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """A truth that changed during its request counts as confirmed."""
    if result.outcome is RequestOutcome.CONFIRMED and share.lease_id == lease_id:
        share = replace(share, claimed_version=share.wanted_version)
    return REAL.record(share, lease_id, result, now, timing)


def stale_record_ignored(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """A late record is ignored."""
    return share if share.lease_id != lease_id else REAL.record(share, lease_id, result, now, timing)


def hash_kept_on_stale_record(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """A stale send makes the share due, but its confirmation still counts as held."""
    after = REAL.record(share, lease_id, result, now, timing)
    return after if share.lease_id == lease_id else replace(after, confirmed_hash=share.confirmed_hash)


def stale_record_leaves_others_settled(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """A stale send does not make the request under way provisional."""
    after = REAL.record(share, lease_id, result, now, timing)
    return (
        after
        if share.lease_id == lease_id
        else replace(after, unsettled_until=share.unsettled_until, stray_put_until=share.stray_put_until)
    )


def refused_removal_parks(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """A refused removal is given up like a put."""
    after = REAL.record(share, lease_id, result, now, timing)
    if result.outcome is RequestOutcome.REJECTED and share.lease_id == lease_id:
        return replace(after, parked="rejected")
    return after


def urgency_ignored(share: Share, urgency: Urgency, now: datetime) -> Share:
    """The last change sets the urgency, even if a more urgent one waits."""
    return replace(REAL.want(share, urgency, now), urgency=urgency)


def new_truth_stays_parked(share: Share, urgency: Urgency, now: datetime) -> Share:
    """A dead letter stays one when the truth changes."""
    return replace(REAL.want(share, urgency, now), parked=share.parked)


def new_truth_waits_for_the_old_ones_retry(share: Share, urgency: Urgency, now: datetime) -> Share:
    """A new truth inherits the wait of earlier failures."""
    after = REAL.want(share, urgency, now)
    return replace(after, due_at=max(share.due_at, now)) if is_pending(share) else after
