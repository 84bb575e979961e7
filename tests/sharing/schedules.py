"""Schedules from an exploration: the steps to play on real servers, each with the expected row.

Together they cross every transition of every row that the exploration found.
"""

from dataclasses import dataclass
from uuid import UUID

from integrations.errors import FailureCode
from tests.sharing.exploration import Exploration
from tests.sharing.play import TICK as A_TICK
from tests.sharing.play import Play, is_fault
from tests.sharing.promises import is_at_rest
from tests.sharing.rows import HASHES, NOW, OPERATION, TICK, a_tick_later, canonical
from tests.sharing.rules import REAL
from tests.sharing.world import Act, Step, World
from worker.domain.sharing import RequestOutcome, Result, Share, Timing, Urgency

RETRY = TICK
ENOUGH = 40  # steps, then a schedule heads for its end
AHEAD = 3  # steps in which a schedule looks for a transition not yet crossed
CODES = {
    # The breaker opens on any other run of failures.
    RequestOutcome.NOT_SENT: FailureCode.THROTTLED,
    RequestOutcome.UNCLEAR: FailureCode.THROTTLED,
    RequestOutcome.LOST: FailureCode.THROTTLED,
    RequestOutcome.REJECTED: FailureCode.ZONE_UNKNOWN,
}

Crossing = tuple[int, str, int]
"""A transition: its name, and the rows that it leads from and to."""


@dataclass(frozen=True)
class Schedule:
    """Steps with the worlds they lead to, from the first decision until all is at rest."""

    start: World
    played: tuple[tuple[Step, World], ...]

    def __str__(self) -> str:
        return "\n".join(f"{number:3}. {step}" for number, (step, _) in enumerate(self.played, 1))


def result_of(act: Act) -> Result:
    """Return the result that a recording step records."""
    operation = OPERATION if act.outcome is RequestOutcome.ACCEPTED else None
    return Result(act.outcome, retry_in=RETRY, code=CODES.get(act.outcome), operation=operation)


def sample(exploration: Exploration) -> list[Schedule]:
    """Return schedules that together cross every transition, always the same ones."""
    schedules: list[Schedule] = []
    crossed: set[Crossing] = set()
    by_distance = sorted(_nearest(exploration).items(), key=lambda found: found[1], reverse=True)
    for crossing, (number, last) in by_distance:  # the far ones first: their way crosses near ones
        if crossing not in crossed:
            schedules.append(_finished(exploration, number, last, crossed))
    return schedules


def _nearest(exploration: Exploration) -> dict[Crossing, tuple[int, Step]]:
    """Find, for every transition, the nearest world that allows it."""
    nearest: dict[Crossing, tuple[int, Step]] = {}
    alike = set()
    for number, world in enumerate(exploration.worlds):
        looks = (world.row, world.truth, world.decisions > 0, world.invalidations > 0, world.drains, world.operation)
        if looks in alike:
            continue
        alike.add(looks)
        for step, after in exploration.play.steps(world):
            crossing = _crossing(step, world, after)
            if crossing is not None and crossing not in nearest:
                nearest[crossing] = (number, step)
    return nearest


def _crossing(step: Step, before: World, after: World) -> Crossing | None:
    """Return the protocol's transition in a step, or None."""
    act = step.act
    if act is Act.DECIDE:
        return before.row, "want", after.row
    if act is Act.INVALIDATE:
        return before.row, "invalidate", after.row
    if act in (Act.CLAIM, Act.ASK, Act.SKIP):
        return before.row, "claim", after.row
    if act.is_record:
        return before.row, "record" if before.drains[step.drain].holds_row else "record too late", after.row
    return None


def _finished(exploration: Exploration, number: int, last: Step, crossed: set[Crossing]) -> Schedule:
    """Go to a world, and on over transitions not yet crossed; then, without faults, until all is at rest."""
    start, play = exploration.worlds[0], exploration.play
    played, before = exploration.schedule(number, last), start
    for step, after in played:
        _cross(_crossing(step, before, after), crossed)
        before = after
    while True:
        further = _ahead(play, before, crossed) if len(played) < ENOUGH else []
        if not further:
            if is_at_rest(before, play.row(before)):
                return Schedule(start, tuple(played))
            further = [_fair(play, before)]
        for step, after in further:
            played.append((step, after))
            _cross(_crossing(step, before, after), crossed)
            before = after


def _ahead(play: Play, world: World, crossed: set[Crossing]) -> list[tuple[Step, World]]:
    """Return the shortest way over a transition not yet crossed, if there is one near; else nothing."""
    ways: dict[World, list[tuple[Step, World]]] = {world: []}
    for _ in range(AHEAD):
        further: dict[World, list[tuple[Step, World]]] = {}
        for before, way in ways.items():
            for step, after in play.steps(before):
                crossing = _crossing(step, before, after)
                if crossing is not None and crossing not in crossed:
                    return [*way, (step, after)]
                if after not in further:
                    further[after] = [*way, (step, after)]
        ways = further
    return []


def _fair(play: Play, world: World) -> tuple[Step, World]:
    """Return the next step without a fault; a tick only if nothing else can happen."""
    fair = [(step, after) for step, after in play.steps(world) if not is_fault(step, world)]
    return next((found for found in fair if found[0] != A_TICK), fair[0])


def _cross(crossing: Crossing | None, crossed: set[Crossing]) -> None:
    if crossing is not None:
        crossed.add(crossing)


@dataclass
class Prediction:
    """The row of one schedule, as the transitions make it; times are relative to a `NOW` that never moves."""

    timing: Timing
    urgency: Urgency
    share: Share

    def decide(self) -> None:
        self.share = REAL.want(self.share, self.urgency, NOW)

    def invalidate(self) -> None:
        self.share = REAL.invalidate(self.share, NOW, self.timing)

    def claim(self, truth: int, lease_id: UUID) -> bool:
        """Claim; return whether there is a request to send or to ask about."""
        self.share = REAL.claim(self.share, HASHES[truth], lease_id, NOW, self.timing)
        return self.share.lease_id == lease_id

    def record(self, lease_id: UUID, result: Result) -> None:
        self.share = REAL.record(self.share, lease_id, result, NOW, self.timing)

    def tick(self) -> None:
        self.share = a_tick_later(self.share)

    def is_explored_as(self, explored: Share) -> bool:
        """Return whether the exploration has found this row."""
        return canonical(self.share) == explored
