"""One permit's shares with two providers, and one drain of each kind: the urgent one, and a provider's own.

Both claim and record by the functions that `exploration.py` explores with two drains of one share, each in fewer worlds
than there: so what it finds of requests that are left behind holds for both kinds. Here is what is new: who may claim,
records of several providers in one transaction, and who is woken for the rest.

The second provider's own drain runs in one step. A lane that stands aside only waits, so that is left out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from tests.sharing.rules import REAL, Rules
from worker.domain.sharing import RequestOutcome, Share, Urgency, is_due

PROVIDERS = FIRST, SECOND = 0, 1
URGENT = 2
LANES = (*PROVIDERS, URGENT)
"""Who can be woken: each provider's own drain, and the urgent one."""

Lanes = frozenset[int]
NO_LANES: Lanes = frozenset()


def urgent_takes(share: Share, now: datetime) -> bool:
    """Return whether the urgent drain may claim a share."""
    return share.urgency is Urgency.CONSENT and is_due(share, now)


def is_fresh(share: Share, now: datetime) -> bool:
    """Return whether a provider's own drain may leave a share to the urgent one; for how long is any drain's guess."""
    return urgent_takes(share, now) and not share.failures and share.operation is None


@dataclass(frozen=True)
class KindRules:
    """What the two kinds of drain do: as the hub does it, or a mutant.

    `recorded` takes whether each share of one transaction is still leased to the drain, and returns as which it is
    recorded: as leased, as late, or not at all.
    """

    of_share: Rules = REAL
    urgent_takes: Callable[[Share, datetime], bool] = urgent_takes
    lane_takes: Callable[[Share, datetime], bool] = is_due
    stays_awake: bool = True  # the provider's own drain, while it leaves a share
    recorded: Callable[[Sequence[bool]], Sequence[bool | None]] = list
    not_granted: Callable[[Lanes], Lanes] = lambda lanes: lanes
    due_again: Callable[[Lanes], Lanes] = lambda lanes: lanes
    woken_at_the_end: Callable[[Lanes], Lanes] = lambda left: left
    wake_up_ends_first: bool = True  # before the first claim


class Look(StrEnum):
    """When a drain that is awake claims."""

    FIRST = "first"  # it may not end before
    AGAIN = "again"  # unless its time is over
    DONE = "done"


class Claim(NamedTuple):
    """A claimed share: what is sent, and whether the row is still leased to this drain."""

    payload: int
    holds_row: bool = True


class Drain(NamedTuple):
    """A drain that is awake, with its claim at each provider and the lanes that it leaves work to."""

    look: Look = Look.FIRST
    claims: tuple[Claim | None, Claim | None] = (None, None)
    left: Lanes = NO_LANES


class World(NamedTuple):
    """The truth, both shares' rows, both drains (None: asleep), and who is being woken.

    `faults`: how many may still happen. A drain dies, a wake-up is lost, a request fails, or one takes a tick.
    """

    truth: int
    decisions: int
    faults: int
    rows: tuple[int, int]
    lane: Drain | None = None  # the first provider's own
    urgent: Drain | None = None
    woken: Lanes = NO_LANES

    def with_drain(self, lane: int, drain: Drain | None) -> "World":
        """Return the world with another state of a drain."""
        return self._replace(urgent=drain) if lane == URGENT else self._replace(lane=drain)

    def with_row(self, provider: int, row: int) -> "World":
        """Return the world with another row of a provider."""
        first, second = self.rows
        return self._replace(rows=(row, second) if provider == FIRST else (first, row))

    def with_woken(self, lanes: Iterable[int]) -> "World":
        """Return the world in which these are being woken too."""
        return self._replace(woken=self.woken | set(lanes))


class Act(StrEnum):
    """The kinds of step."""

    DECIDE = "the truth changes"
    TICK = "a tick passes"
    SWEEP = "the sweep wakes"
    LOSE = "a wake-up is lost of"
    START = "wakes up"
    CLAIM = "claims"
    LEAVE = "leaves what is fresh to the urgent drain"
    RECORD = "records"
    END = "ends"
    CRASH = "dies"
    PASS = "does all its work at once"


class Step(NamedTuple):
    """A step, by which lane, with the providers that it concerns and how their requests ended."""

    act: Act
    lane: int = URGENT
    providers: tuple[int, ...] = ()
    outcomes: tuple[RequestOutcome, ...] = ()
    told: str = ""

    def __str__(self) -> str:
        return f"{self.act} {('first', 'second', 'urgent')[self.lane]} {self.providers or ''} {' '.join(self.outcomes)}"
