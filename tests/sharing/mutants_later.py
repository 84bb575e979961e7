"""Wrong ways to wait for operations, invalidate and park, each wrong in one point."""

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
    """The current truth is sent even while the provider has an operation under way."""
    return REAL.claim(replace(share, operation=None, operation_until=None), wanted, lease_id, now, timing)


def asking_replaces_the_claimed_version(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """A question takes the operation for one of the current truth."""
    claimed = REAL.claim(share, wanted, lease_id, now, timing)
    if share.operation is None:
        return claimed
    return replace(claimed, claimed_hash=wanted, claimed_version=share.wanted_version)


def settled_by_the_time_of_the_question(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing
) -> Share:
    """An operation is final once the strays are over, though it may have been carried out before that."""
    claimed = REAL.claim(share, wanted, lease_id, now, timing)
    if share.unsettled_until is not None and share.unsettled_until <= now:
        return replace(claimed, unsettled_until=None, stray_put_until=None)
    return claimed


def parked_share_keeps_its_put(share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing) -> Share:
    """A put refused for good is sent again."""
    return replace(REAL.claim(replace(share, parked=None), wanted, lease_id, now, timing), parked=share.parked)


def parked_share_is_left_alone(share: Share, now: datetime) -> bool:
    """A put refused for good leaves the old data in place."""
    return share.parked is None and REAL.is_due(share, now)


def keeps_data_of_any_subject(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """Held data is kept for any person and plate."""
    return REAL.record(replace(share, held_subject=share.claimed_subject), lease_id, result, now, timing)


def unclear_put_keeps_the_old_subject(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """A put that may have been applied does not change the subject."""
    after = REAL.record(share, lease_id, result, now, timing)
    return replace(after, held_subject=share.held_subject) if result.outcome is RequestOutcome.UNCLEAR else after


def lost_lease_keeps_the_old_subject(
    share: Share, wanted: bytes, lease_id: UUID, now: datetime, timing: Timing, subject: bytes | None
) -> Share:
    """A dead drain's put does not change the subject."""
    after = REAL.claim(share, wanted, lease_id, now, timing, subject)
    return replace(after, held_subject=share.held_subject) if share.lease_id is not None else after


def accepted_counts_as_confirmed(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """An accepted request counts as done."""
    if result.outcome is RequestOutcome.ACCEPTED:
        result = replace(result, outcome=RequestOutcome.CONFIRMED)
    return REAL.record(share, lease_id, result, now, timing)


def operation_without_its_time_limit(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """An operation is waited for without end."""
    return replace(REAL.record(share, lease_id, result, now, timing), operation_until=None)


def each_question_extends_the_time_limit(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """An operation's time begins again at each answer that it is under way."""
    if share.operation is not None and share.lease_id == lease_id:
        share = replace(share, operation_until=now + timing.settle)
    return REAL.record(share, lease_id, result, now, timing)


def lost_operation_is_kept(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """A lost operation is asked about without end."""
    if result.outcome is RequestOutcome.LOST and share.operation is not None and share.lease_id == lease_id:
        return replace(share, lease_id=None, lease_until=None, due_at=now + result.retry_in)
    return REAL.record(share, lease_id, result, now, timing)


def lost_counts_as_not_sent(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """A lost operation counts as never carried out."""
    after = REAL.record(share, lease_id, result, now, timing)
    return (
        replace(after, unsettled_until=share.unsettled_until, stray_put_until=share.stray_put_until)
        if result.outcome is RequestOutcome.LOST
        else after
    )


def failed_question_forgets_the_operation(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """After a failed question the request is sent again, as if it had not been accepted."""
    failed = result.outcome in (RequestOutcome.NOT_SENT, RequestOutcome.UNCLEAR)
    if share.operation is not None and share.lease_id == lease_id and failed:
        share = replace(share, operation=None, operation_until=None)
        result = replace(result, outcome=RequestOutcome.NOT_SENT)
    return REAL.record(share, lease_id, result, now, timing)


def operation_settles_earlier_strays(
    share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing
) -> Share:
    """An operation that was carried out is final at once, despite earlier strays."""
    if share.operation is not None and share.lease_id == lease_id:
        share = replace(share, unsettled_until=None, stray_put_until=None)
    return REAL.record(share, lease_id, result, now, timing)


def stale_acceptance_ignored(share: Share, lease_id: UUID, result: Result, now: datetime, timing: Timing) -> Share:
    """A late record of an accepted request is ignored."""
    if result.outcome is RequestOutcome.ACCEPTED and share.lease_id != lease_id:
        return share
    return REAL.record(share, lease_id, result, now, timing)


def new_truth_forgets_the_operation(share: Share, urgency: Urgency, now: datetime) -> Share:
    """An accepted request is forgotten once the truth changes."""
    return replace(REAL.want(share, urgency, now), operation=None, operation_until=None)


def invalidate_keeps_the_confirmed_hash(share: Share, now: datetime, timing: Timing) -> Share:
    """An invalidated share is due, but its confirmation still counts as held."""
    return replace(REAL.invalidate(share, now, timing), confirmed_hash=share.confirmed_hash)


def invalidate_wants_nothing(share: Share, now: datetime, timing: Timing) -> Share:
    """An invalidated share is unknown, but not due."""
    return replace(REAL.invalidate(share, now, timing), wanted_version=share.wanted_version)


def invalidate_leaves_the_request_under_way_settled(share: Share, now: datetime, timing: Timing) -> Share:
    """A request applied before the copy changed counts as having corrected it."""
    return replace(
        REAL.invalidate(share, now, timing),
        unsettled_until=share.unsettled_until,
        stray_put_until=share.stray_put_until,
    )


def invalidate_looks_at_leases_alone(share: Share, now: datetime, timing: Timing) -> Share:
    """An operation without a current question counts as nothing under way."""
    after = REAL.invalidate(share, now, timing)
    return (
        after
        if share.lease_id is not None
        else replace(after, unsettled_until=share.unsettled_until, stray_put_until=share.stray_put_until)
    )
