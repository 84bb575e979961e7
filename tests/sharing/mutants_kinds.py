"""Wrong ways for the two kinds of drain to share the work, each wrong in one point."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from tests.sharing.kinds import NO_LANES, KindRules, Lanes, urgent_takes
from tests.sharing.mutants import stale_record_ignored
from tests.sharing.rules import REAL
from worker.domain.sharing import Share, Urgency, is_due, is_pending

RULES = KindRules()
TWO_DECISIONS, TWO_FAULTS = (2, 0), (1, 2)
"""Small scopes: how many decisions, and how many faults."""


class Mutant(NamedTuple):
    """Wrong rules, the promise that they break, and a small scope in which the exploration must find that."""

    rules: KindRules
    promise: int
    scope: tuple[int, int]


def takes_what_is_leased(share: Share, now: datetime) -> bool:
    """The urgent drain does not look at leases."""
    return share.urgency is Urgency.CONSENT and is_pending(share) and share.due_at <= now


def takes_single_changes(share: Share, now: datetime) -> bool:
    """The urgent drain also takes what is of urgency 1."""
    return share.urgency <= Urgency.CHANGE and is_due(share, now)


def takes_routine_alone(share: Share, now: datetime) -> bool:
    """A provider's own drain leaves what is urgent to the urgent one."""
    return is_due(share, now) and not urgent_takes(share, now)


def all_as_leased(held: Sequence[bool]) -> Sequence[bool | None]:
    """A record does not look at the lease."""
    return [True for _ in held]


def all_as_the_first(held: Sequence[bool]) -> Sequence[bool | None]:
    """A record looks at the lease of its first share, and takes it for that of all."""
    return [held[0] for _ in held]


def none_unless_all(held: Sequence[bool]) -> Sequence[bool | None]:
    """One lost lease undoes the whole transaction."""
    return list(held) if all(held) else [None for _ in held]


def late_ones_left_out(held: Sequence[bool]) -> Sequence[bool | None]:
    """Only shares still leased are recorded."""
    return [leased or None for leased in held]


def _nothing(_: Lanes) -> Lanes:
    return NO_LANES


MUTANTS = {
    "urgent claim ignores a lease": Mutant(replace(RULES, urgent_takes=takes_what_is_leased), 2, TWO_FAULTS),
    "urgent claim takes single changes": Mutant(replace(RULES, urgent_takes=takes_single_changes), 10, TWO_DECISIONS),
    "a provider's own drain takes routine alone": Mutant(
        replace(RULES, lane_takes=takes_routine_alone), 10, TWO_DECISIONS
    ),
    "record does not look at the lease": Mutant(replace(RULES, recorded=all_as_leased), 2, TWO_FAULTS),
    "record looks at one lease for all": Mutant(replace(RULES, recorded=all_as_the_first), 2, TWO_FAULTS),
    "one lost lease undoes the whole record": Mutant(replace(RULES, recorded=none_unless_all), 2, TWO_FAULTS),
    "late requests are left out of the record": Mutant(replace(RULES, recorded=late_ones_left_out), 2, TWO_FAULTS),
    "late record is ignored": Mutant(
        replace(RULES, of_share=replace(REAL, record=stale_record_ignored)), 2, TWO_FAULTS
    ),
    "leftovers are never woken": Mutant(replace(RULES, woken_at_the_end=_nothing), 10, TWO_DECISIONS),
    "providers that may not be sent to are no leftovers": Mutant(
        replace(RULES, not_granted=_nothing), 10, TWO_DECISIONS
    ),
    "what a record finds due again is forgotten": Mutant(replace(RULES, due_again=_nothing), 10, TWO_DECISIONS),
    "a provider's own drain forgets what it leaves": Mutant(replace(RULES, stays_awake=False), 10, TWO_DECISIONS),
    "wake-up ends after the work": Mutant(replace(RULES, wake_up_ends_first=False), 10, TWO_DECISIONS),
}
