"""Ways in which waiting for operations, invalidating and parking could be wrong, each by one thought."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tests.sharing.rules import REAL
from worker.domain.sharing import RequestOutcome, Result, Share, Timing, Urgency

Invalidate = Callable[[Share, datetime, Timing], Share]


def sent_while_an_operation_is_under_way(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """What is wanted by now is sent, whatever the provider has still to carry out."""
    return REAL.claim(replace(share, operation=None, operation_until=None), wanted, lease_id, now, timing)


def asking_forgets_what_was_claimed(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """Who asks takes the operation for one about what is wanted by now."""
    claimed = REAL.claim(share, wanted, lease_id, now, timing)
    if share.operation is None:
        return claimed
    return replace(claimed, claimed_hash=wanted, claimed_version=share.wanted_version)


def settled_by_the_time_of_the_question(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """An operation counts once the strays are gone, though it may have been carried out before they were."""
    claimed = REAL.claim(share, wanted, lease_id, now, timing)
    if share.unsettled_until is not None and share.unsettled_until <= now:
        return replace(claimed, unsettled_until=None, stray_put_until=None)
    return claimed


def parked_share_keeps_its_put(share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing) -> Share:
    """What was refused for good is sent again."""
    return replace(REAL.claim(replace(share, parked=None), wanted, lease_id, now, timing), parked=share.parked)


def parked_share_is_left_alone(share: Share, now: datetime) -> bool:
    """What was refused for good leaves in place what was there before."""
    return share.parked is None and REAL.is_due(share, now)


def keeps_whatever_is_held(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """What a provider holds is kept, whoever's it is and on whichever plate."""
    return REAL.record(replace(share, held_subject=share.claimed_subject), lease_id, result, now, timing)


def forgets_whose_an_unclear_put_was(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """A put that may have been applied says nothing of whose data is held."""
    after = REAL.record(share, lease_id, result, now, timing)
    return replace(after, held_subject=share.held_subject) if result.outcome is RequestOutcome.UNCLEAR else after


def forgets_whose_a_lost_lease_was(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing, subject: bytes | None
) -> Share:
    """A drain that died is taken to have put nothing of anybody's."""
    after = REAL.claim(share, wanted, lease_id, now, timing, subject)
    return replace(after, held_subject=share.held_subject) if share.lease_id is not None else after


def accepted_counts_as_confirmed(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """What a provider has taken is taken for done."""
    if result.outcome is RequestOutcome.ACCEPTED:
        result = replace(result, outcome=RequestOutcome.CONFIRMED)
    return REAL.record(share, lease_id, result, now, timing)


def operation_without_its_time_limit(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """An operation is waited for however long it takes."""
    return replace(REAL.record(share, lease_id, result, now, timing), operation_until=None)


def each_question_extends_the_time_limit(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """An operation's time begins anew whenever it is said to be under way."""
    if share.operation is not None and share.lease_id == lease_id:
        share = replace(share, operation_until=now + timing.settle)
    return REAL.record(share, lease_id, result, now, timing)


def lost_operation_is_kept(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """An operation is asked about until there is an answer, though the provider knows nothing of it."""
    if result.outcome is RequestOutcome.LOST and share.operation is not None and share.lease_id == lease_id:
        return replace(share, lease_id=None, lease_until=None, due_at=now + result.retry_in)
    return REAL.record(share, lease_id, result, now, timing)


def lost_counts_as_not_sent(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """What the provider does not know of is taken for never carried out."""
    after = REAL.record(share, lease_id, result, now, timing)
    return (
        replace(after, unsettled_until=share.unsettled_until, stray_put_until=share.stray_put_until)
        if result.outcome is RequestOutcome.LOST
        else after
    )


def failed_question_forgets_the_operation(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """Where a question fails, the request is made again as if it had not been taken."""
    failed = result.outcome in (RequestOutcome.NOT_SENT, RequestOutcome.UNCLEAR)
    if share.operation is not None and share.lease_id == lease_id and failed:
        share = replace(share, operation=None, operation_until=None)
        result = replace(result, outcome=RequestOutcome.NOT_SENT)
    return REAL.record(share, lease_id, result, now, timing)


def operation_settles_what_was_before_it(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """An operation that was carried out counts at once, whatever was in the air before it."""
    if share.operation is not None and share.lease_id == lease_id:
        share = replace(share, unsettled_until=None, stray_put_until=None)
    return REAL.record(share, lease_id, result, now, timing)


def stale_acceptance_ignored(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """Whoever comes late with a request that was only taken is not listened to."""
    if result.outcome is RequestOutcome.ACCEPTED and share.lease_id != lease_id:
        return share
    return REAL.record(share, lease_id, result, now, timing)


def new_truth_forgets_the_operation(share: Share, urgency: Urgency, now: datetime) -> Share:
    """What the provider has taken no longer matters once something else is wanted."""
    return replace(REAL.want(share, urgency, now), operation=None, operation_until=None)


def invalidate_keeps_what_was_confirmed(share: Share, now: datetime, timing: Timing) -> Share:
    """The share is due, but the provider is still taken to hold what it confirmed."""
    return replace(REAL.invalidate(share, now, timing), confirmed_hash=share.confirmed_hash)


def invalidate_wants_nothing(share: Share, now: datetime, timing: Timing) -> Share:
    """What the provider holds is unknown, and nobody is to find out."""
    return replace(REAL.invalidate(share, now, timing), wanted_version=share.wanted_version)


def invalidate_leaves_what_is_under_way_settled(share: Share, now: datetime, timing: Timing) -> Share:
    """A request that was applied before the copy changed is taken to have mended it."""
    return replace(
        REAL.invalidate(share, now, timing),
        unsettled_until=share.unsettled_until,
        stray_put_until=share.stray_put_until,
    )


def invalidate_looks_at_leases_alone(share: Share, now: datetime, timing: Timing) -> Share:
    """An operation that nobody is asking about counts as nothing under way."""
    after = REAL.invalidate(share, now, timing)
    return (
        after
        if share.lease_id is not None
        else replace(after, unsettled_until=share.unsettled_until, stray_put_until=share.stray_put_until)
    )
