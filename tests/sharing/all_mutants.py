"""Every mutant, with the promise that it breaks and a small scope in which the exploration must find that."""

from dataclasses import replace
from typing import NamedTuple

from tests.sharing import mutants as of_sending
from tests.sharing import mutants_later as of_waiting
from tests.sharing import mutants_strays as of_strays
from tests.sharing.rows import TWO_PLATES
from tests.sharing.rules import REAL, Rules
from tests.sharing.turns import Scope

ONE_DECISION = Scope(decisions=1)
TWO_DECISIONS = Scope(decisions=2)
STALLS = Scope(decisions=1, stalls=True)
LATER = Scope(decisions=2, later=True)
LATER_ONE_DECISION = Scope(decisions=1, later=True)
LATER_STALLS = Scope(decisions=1, later=True, stalls=True)
TWO_OWN_PLATES = Scope(decisions=2, subjects=TWO_PLATES)
INVALIDATED = Scope(decisions=1, invalidations=1)
INVALIDATED_LATER = Scope(decisions=1, invalidations=1, later=True)


class Mutant(NamedTuple):
    """Wrong rules, and the number of the promise that they break."""

    rules: Rules
    promise: int
    scope: Scope


def _claim(claim: of_sending.Claim, promise: int, scope: Scope = TWO_DECISIONS) -> Mutant:
    return Mutant(replace(REAL, claim=claim), promise, scope)


def _record(record: of_sending.Record, promise: int, scope: Scope = TWO_DECISIONS) -> Mutant:
    return Mutant(replace(REAL, record=record), promise, scope)


def _want(want: of_sending.Want, promise: int, scope: Scope = TWO_DECISIONS) -> Mutant:
    return Mutant(replace(REAL, want=want), promise, scope)


def _invalidate(invalidate: of_waiting.Invalidate, promise: int, scope: Scope = INVALIDATED) -> Mutant:
    return Mutant(replace(REAL, invalidate=invalidate), promise, scope)


MUTANTS: dict[str, Mutant] = {
    "no fence": Mutant(replace(REAL, is_due=of_sending.no_fence), 2, TWO_DECISIONS),
    "hash kept at claim": _claim(of_sending.hash_kept_at_claim, 1),
    "removal skipped too early": _claim(of_sending.removal_skipped_too_early, 1),
    "record without lease": _record(of_sending.record_without_lease, 3),
    "no settling": Mutant(of_sending.no_settling(REAL), 1, TWO_DECISIONS),
    "expired lease counts as not sent": _claim(of_sending.expired_lease_counts_as_not_sent, 1),
    "unclear counts as not sent": _record(of_sending.unclear_counts_as_not_sent, 1),
    "settled by the time of the record": _record(of_sending.settled_by_the_time_of_the_record, 1),
    "provisional never sent again": _record(of_sending.provisional_never_sent_again, 3),
    "provisional confirmation is published": _record(of_sending.provisional_confirmation_is_published, 1),
    "first repeat settles": _claim(of_sending.first_repeat_settles, 1),
    "old confirmation counts for the new truth": _record(of_sending.old_confirmation_counts_for_the_new_truth, 2),
    "refused removal parks": _record(of_sending.refused_removal_parks, 3),
    "new truth stays parked": _want(of_sending.new_truth_stays_parked, 3),
    "new truth waits for the old one's retry": _want(of_sending.new_truth_waits_for_the_old_ones_retry, 3),
    # stray puts and stray removals
    "stray removal is forgotten when a put is wanted": _want(
        of_strays.stray_removal_is_forgotten_when_a_put_is_wanted, 2
    ),
    "confirmed removal ends the stray ones": _record(of_strays.confirmed_removal_ends_the_stray_ones, 2),
    "stray removal does not matter": _record(of_strays.stray_removal_does_not_matter, 2),
    "unclear put counts as a removal": _record(of_strays.unclear_put_counts_as_a_removal, 1),
    "lost put counts as a removal": _record(of_strays.lost_put_counts_as_a_removal, 1, LATER_ONE_DECISION),
    "lost lease counts as a removal's": _claim(of_strays.lost_lease_counts_as_a_removals, 1),
    "lost lease counts as one of the current truth": _claim(of_strays.lost_lease_counts_as_one_of_the_current_truth, 1),
    "later unclear removal shortens the put's time": _record(of_strays.later_unclear_removal_shortens_the_puts_time, 1),
    "later lost removal shortens the put's time": _claim(of_strays.later_lost_removal_shortens_the_puts_time, 1),
    "claimed removal ends the stray puts": _claim(of_strays.claimed_removal_ends_the_stray_puts, 1),
    "invalidate leaves a stray of the kind under way": _invalidate(
        of_strays.invalidate_leaves_a_stray_of_the_kind_under_way, 1
    ),
    # they differ only when a sender stalls for longer than T
    "stale record ignored": _record(of_sending.stale_record_ignored, 2, STALLS),
    "hash kept on stale record": _record(of_sending.hash_kept_on_stale_record, 2, STALLS),
    "stale record leaves others settled": _record(of_sending.stale_record_leaves_others_settled, 2, STALLS),
    "stale record counts as a removal's": _record(of_strays.stale_record_counts_as_a_removals, 2, STALLS),
    "stale acceptance ignored": _record(of_waiting.stale_acceptance_ignored, 2, LATER_STALLS),
    # refused for good
    "parked share keeps its put": _claim(of_waiting.parked_share_keeps_its_put, 1, ONE_DECISION),
    "parked share is left alone": Mutant(replace(REAL, is_due=of_waiting.parked_share_is_left_alone), 3, ONE_DECISION),
    "keeps data of any subject": _record(of_waiting.keeps_data_of_any_subject, 1, TWO_OWN_PLATES),
    "unclear put keeps the old subject": _record(of_waiting.unclear_put_keeps_the_old_subject, 1, TWO_OWN_PLATES),
    "lost lease keeps the old subject": Mutant(
        replace(REAL, claim=of_waiting.lost_lease_keeps_the_old_subject), 1, TWO_OWN_PLATES
    ),
    # operations
    "sent while an operation is under way": _claim(of_waiting.sent_while_an_operation_is_under_way, 2, LATER),
    "asking replaces the claimed version": _claim(of_waiting.asking_replaces_the_claimed_version, 3, LATER),
    "settled by the time of the question": _claim(of_waiting.settled_by_the_time_of_the_question, 1, LATER),
    "operation settles earlier strays": _record(of_waiting.operation_settles_earlier_strays, 1, LATER),
    "accepted counts as confirmed": _record(of_waiting.accepted_counts_as_confirmed, 2, LATER),
    "operation without its time limit": _record(of_waiting.operation_without_its_time_limit, 3, LATER_ONE_DECISION),
    "each question extends the time limit": _record(
        of_waiting.each_question_extends_the_time_limit, 3, LATER_ONE_DECISION
    ),
    "lost operation is kept": _record(of_waiting.lost_operation_is_kept, 3, LATER_ONE_DECISION),
    "lost counts as not sent": _record(of_waiting.lost_counts_as_not_sent, 1, LATER_ONE_DECISION),
    "failed question forgets the operation": _record(of_waiting.failed_question_forgets_the_operation, 1, LATER),
    "new truth forgets the operation": _want(of_waiting.new_truth_forgets_the_operation, 1, LATER),
    # invalidations
    "invalidate keeps the confirmed hash": _invalidate(of_waiting.invalidate_keeps_the_confirmed_hash, 1),
    "invalidate wants nothing": _invalidate(of_waiting.invalidate_wants_nothing, 3),
    "invalidate leaves the request under way settled": _invalidate(
        of_waiting.invalidate_leaves_the_request_under_way_settled, 2
    ),
    "invalidate looks at leases alone": _invalidate(of_waiting.invalidate_looks_at_leases_alone, 2, INVALIDATED_LATER),
}
