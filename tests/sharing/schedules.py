"""Schedules out of an exploration, told exactly: what to play on real servers, and the row that must be there.

Together they cross every transition of every row that the exploration met.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from uuid import UUID

from integrations.errors import FailureCode
from tests.sharing.exploration import Exploration
from tests.sharing.play import TICK as A_TICK
from tests.sharing.play import is_fault
from tests.sharing.promises import is_at_rest
from tests.sharing.rows import HASHES, NOW, OPERATION, TICK, a_tick_later, canonical
from tests.sharing.rules import REAL
from tests.sharing.world import Act, Step, World
from worker.domain.sharing import Outcome, Result, Share, Timing, Urgency

RETRY = TICK
CODES = {
    # The breaker opens on any other failure of several in a row.
    Outcome.NOT_SENT: FailureCode.THROTTLED,
    Outcome.UNCLEAR: FailureCode.THROTTLED,
    Outcome.LOST: FailureCode.THROTTLED,
    Outcome.REJECTED: FailureCode.ZONE_UNKNOWN,
}

Crossing = tuple[int, Act, int, bool]


@dataclass(frozen=True)
class Schedule:
    """Steps with the worlds they lead to, from the first decision until all is at rest."""

    start: World
    played: tuple[tuple[Step, World], ...]

    def __str__(self) -> str:
        return "\n".join(f"{number:3}. {step}" for number, (step, _) in enumerate(self.played, 1))


def result_of(act: Act) -> Result:
    """Return what a recording act records."""
    operation = OPERATION if act.outcome is Outcome.ACCEPTED else None
    return Result(act.outcome, retry_in=RETRY, code=CODES.get(act.outcome), operation=operation)


def sample(exploration: Exploration, count: int, seed: int) -> list[Schedule]:
    """Return `count` schedules, the same ones every time, or as many more as it takes to cross every transition."""
    schedules: list[Schedule] = []
    crossed: set[Crossing] = set()
    by_distance = sorted(_nearest(exploration).items(), key=lambda found: found[1], reverse=True)
    for crossing, (number, last) in by_distance:  # the far ones first: their way crosses near ones
        if crossing not in crossed:
            schedules.append(_finished(exploration, number, last))
            crossed |= set(_crossings(schedules[-1]))
    random = Random(seed)
    while len(schedules) < count:
        schedules.append(_finished(exploration, random.randrange(len(exploration.worlds)), None))
    return schedules


def _nearest(exploration: Exploration) -> dict[Crossing, tuple[int, Step]]:
    """Find, for every transition, the nearest world that allows it."""
    nearest: dict[Crossing, tuple[int, Step]] = {}
    alike = set()
    for number, world in enumerate(exploration.worlds):
        looks = (world.row, world.truth, world.decisions > 0, world.drains)
        if looks in alike:
            continue
        alike.add(looks)
        for step, _ in exploration.play.steps(world):
            crossing = _crossing(step, world)
            if crossing is not None and crossing not in nearest:
                nearest[crossing] = (number, step)
    return nearest


def _crossing(step: Step, before: World) -> Crossing | None:
    """Return what the protocol is asked in a step; None where it is not."""
    if step.act in (Act.DECIDE, Act.DOUBT):
        return before.row, step.act, 0, False
    if step.act in (Act.CLAIM, Act.ASK, Act.SKIP):
        return before.row, step.act, step.payload, False
    if step.act.is_record:
        return before.row, step.act, 0, before.drains[step.drain].holds_row
    return None


def _crossings(schedule: Schedule) -> Iterator[Crossing]:
    before = schedule.start
    for step, after in schedule.played:
        crossing = _crossing(step, before)
        if crossing is not None:
            yield crossing
        before = after


def _finished(exploration: Exploration, number: int, last: Step | None) -> Schedule:
    """Go to a world, and on without a fault until all is at rest."""
    start, play = exploration.worlds[0], exploration.play
    played = exploration.schedule(number, last)
    world = played[-1][1] if played else start
    while not is_at_rest(world, play.row(world)):
        fair = [(step, after) for step, after in play.steps(world) if not is_fault(step, world)]
        step, world = next((found for found in fair if found[0] != A_TICK), fair[0])
        played.append((step, world))
    return Schedule(start, tuple(played))


@dataclass
class Prediction:
    """The row of one schedule, as the transitions make it; times are relative to a `NOW` that stands still."""

    timing: Timing
    urgency: Urgency
    share: Share

    def decide(self) -> None:
        self.share = REAL.want(self.share, self.urgency, NOW)

    def doubt(self) -> None:
        self.share = REAL.doubt(self.share, NOW, self.timing)

    def claim(self, truth: int, lease_id: UUID) -> bool:
        """Claim; return whether there is something to send or to ask about."""
        self.share = REAL.claim(self.share, HASHES[truth], lease_id, NOW, self.timing)
        return self.share.lease_id == lease_id

    def record(self, lease_id: UUID, result: Result) -> None:
        self.share = REAL.record(self.share, lease_id, result, NOW, self.timing)

    def tick(self) -> None:
        self.share = a_tick_later(self.share)

    def is_explored_as(self, explored: Share) -> bool:
        """Tell whether the exploration has seen this row for what it is."""
        return canonical(self.share) == explored
