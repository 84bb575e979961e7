"""Wrong ways to tell stray puts from stray removals, each wrong in one point."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tests.sharing.rules import REAL
from worker.domain.sharing import NOTHING, RequestOutcome, Result, Share, Timing, Urgency


def stray_removal_is_forgotten_when_a_put_is_wanted(share: Share, urgency: Urgency, now: datetime) -> Share:
    """A stray removal is not waited for once data is wanted again."""
    return replace(REAL.want(share, urgency, now), unsettled_until=share.stray_put_until)


def confirmed_removal_ends_the_stray_ones(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """A confirmed removal ends all strays before it."""
    after = REAL.record(share, lease_id, result, now, timing)
    return replace(after, unsettled_until=None) if after.holds is False else after


def stray_removal_does_not_matter(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """A put is provisional only after a stray put."""
    if result.outcome is RequestOutcome.CONFIRMED and share.lease_id == lease_id and share.claimed_hash != NOTHING:
        share = replace(share, unsettled_until=share.stray_put_until)
    return REAL.record(share, lease_id, result, now, timing)


def unclear_put_counts_as_a_removal(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """An unclear request never counts as a stray put."""
    after = REAL.record(share, lease_id, result, now, timing)
    return replace(after, stray_put_until=share.stray_put_until) if result.outcome is RequestOutcome.UNCLEAR else after


def lost_put_counts_as_a_removal(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """A lost operation never counts as a stray put."""
    after = REAL.record(share, lease_id, result, now, timing)
    return replace(after, stray_put_until=share.stray_put_until) if result.outcome is RequestOutcome.LOST else after


def lost_lease_counts_as_a_removals(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """A dead drain never leaves a stray put."""
    after = REAL.claim(share, wanted, lease_id, now, timing)
    return replace(after, stray_put_until=share.stray_put_until) if share.lease_id is not None else after


def lost_lease_counts_as_one_of_the_current_truth(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """A dead drain leaves a stray of the next claim's kind."""
    if share.lease_id is not None and share.operation is None:
        share = replace(share, claimed_hash=wanted)
    return REAL.claim(share, wanted, lease_id, now, timing)


def later_unclear_removal_shortens_the_puts_time(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """Only the last unclear request counts as a stray."""
    after = REAL.record(share, lease_id, result, now, timing)
    unclear = result.outcome is RequestOutcome.UNCLEAR and share.lease_id == lease_id
    return replace(after, stray_put_until=None) if unclear and share.claimed_hash == NOTHING else after


def later_lost_removal_shortens_the_puts_time(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """Only the last expired lease counts as a stray."""
    after = REAL.claim(share, wanted, lease_id, now, timing)
    lost = share.lease_id is not None and share.claimed_hash == NOTHING
    return replace(after, stray_put_until=None) if lost and after.lease_id == lease_id else after


def claimed_removal_ends_the_stray_puts(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """A stray put is not waited for once data is to be removed."""
    after = REAL.claim(share, wanted, lease_id, now, timing)
    return replace(after, stray_put_until=None) if after.claimed_hash == NOTHING else after


def stale_record_counts_as_a_removals(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """A late record never counts as a stray put."""
    after = REAL.record(share, lease_id, result, now, timing)
    return after if share.lease_id == lease_id else replace(after, stray_put_until=share.stray_put_until)


def invalidate_leaves_a_stray_of_the_kind_under_way(share: Share, now: datetime, timing: Timing) -> Share:
    """A removal under way counts as sent after the invalidation, though it left before."""
    after = REAL.invalidate(share, now, timing)
    return replace(after, stray_put_until=share.stray_put_until) if share.claimed_hash == NOTHING else after
