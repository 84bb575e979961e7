"""Ways in which stray puts and stray removals could be told apart wrongly, each by one thought."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tests.sharing.rules import REAL
from worker.domain.sharing import NOTHING, RequestOutcome, Result, Share, Timing, Urgency


def stray_removal_is_forgotten_when_a_put_is_wanted(share: Share, urgency: Urgency, now: datetime) -> Share:
    """Once data is wanted again, a removal that may still be applied is not waited for."""
    return replace(REAL.want(share, urgency, now), unsettled_until=share.stray_put_until)


def confirmed_removal_ends_the_stray_ones(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """Once a removal is confirmed, the ones before it count as gone."""
    after = REAL.record(share, lease_id, result, now, timing)
    return replace(after, unsettled_until=None) if after.holds is False else after


def stray_removal_does_not_matter(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """A put is provisional after a stray put alone."""
    if result.outcome is RequestOutcome.CONFIRMED and share.lease_id == lease_id and share.claimed_hash != NOTHING:
        share = replace(share, unsettled_until=share.stray_put_until)
    return REAL.record(share, lease_id, result, now, timing)


def unclear_put_counts_as_a_removal(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """Whatever is unclear can bring nothing back."""
    after = REAL.record(share, lease_id, result, now, timing)
    return replace(after, stray_put_until=share.stray_put_until) if result.outcome is RequestOutcome.UNCLEAR else after


def lost_put_counts_as_a_removal(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """What the provider does not know of can bring nothing back."""
    after = REAL.record(share, lease_id, result, now, timing)
    return replace(after, stray_put_until=share.stray_put_until) if result.outcome is RequestOutcome.LOST else after


def lost_lease_counts_as_a_removals(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """A drain that died is taken to have put nothing."""
    after = REAL.claim(share, wanted, lease_id, now, timing)
    return replace(after, stray_put_until=share.stray_put_until) if share.lease_id is not None else after


def lost_lease_counts_for_what_is_wanted_by_now(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """A drain that died is taken to have sent what the next one is to send."""
    if share.lease_id is not None and share.operation is None:
        share = replace(share, claimed_hash=wanted)
    return REAL.claim(share, wanted, lease_id, now, timing)


def later_unclear_removal_shortens_the_puts_time(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """The last request that was unclear says what is astray."""
    after = REAL.record(share, lease_id, result, now, timing)
    unclear = result.outcome is RequestOutcome.UNCLEAR and share.lease_id == lease_id
    return replace(after, stray_put_until=None) if unclear and share.claimed_hash == NOTHING else after


def later_lost_removal_shortens_the_puts_time(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """The last lease that expired says what is astray."""
    after = REAL.claim(share, wanted, lease_id, now, timing)
    lost = share.lease_id is not None and share.claimed_hash == NOTHING
    return replace(after, stray_put_until=None) if lost and after.lease_id == lease_id else after


def claimed_removal_ends_the_stray_puts(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """Once data is to be removed, what may still be put is not waited for."""
    after = REAL.claim(share, wanted, lease_id, now, timing)
    return replace(after, stray_put_until=None) if after.claimed_hash == NOTHING else after


def stale_record_counts_as_a_removals(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """Whoever comes late is taken to have put nothing."""
    after = REAL.record(share, lease_id, result, now, timing)
    return after if share.lease_id == lease_id else replace(after, stray_put_until=share.stray_put_until)


def invalidate_counts_as_what_is_under_way(share: Share, now: datetime, timing: Timing) -> Share:
    """A removal under way counts as sent after the invalidation, though it left before."""
    after = REAL.invalidate(share, now, timing)
    return replace(after, stray_put_until=share.stray_put_until) if share.claimed_hash == NOTHING else after
