"""Every world of the two kinds of drain, and the shortest way to one that breaks a promise."""

import gc
from dataclasses import dataclass, field

from tests.sharing.kinds import FIRST, PROVIDERS, URGENT, Act, Claim, Drain, KindRules, Look, Step, World
from tests.sharing.kinds_play import Play
from tests.sharing.rows import Ticks
from worker.domain.sharing import RequestOutcome, Urgency


@dataclass
class Found:
    """The worlds found, nearest first, each with the step that first led to it, and a broken promise."""

    play: Play
    worlds: list[World]
    came_by: list[tuple[int, Step]] = field(default_factory=list)
    broken: str = ""
    last: tuple[int, Step] | None = None  # the world and the step that break it

    def counterexample(self) -> str:
        """Return step by step how the promise is broken; empty if it is not."""
        steps, at = [], self.last
        while self.broken and at is not None:
            number, step = at
            steps.append(str(step))
            at = self.came_by[number - 1] if number else None
        return "\n".join([f"promise {self.broken}", *reversed(steps)]) if self.broken else ""


def explore(rules: KindRules, ticks: Ticks, decisions: int, faults: int) -> Found:
    """Visit every world, breadth first; stop at the first that breaks a promise."""
    gc.disable()  # no cycles are made here, and the search for them would double the time
    try:
        return _explore(Play(rules, ticks), decisions, faults)
    finally:
        gc.enable()


def _explore(play: Play, decisions: int, faults: int) -> Found:
    found = Found(play, [play.start(decisions, faults)])
    numbers = {found.worlds[0]: 0}
    fair: list[list[int]] = [[]]  # for each world, those that lead to it without a fault
    for number, world in enumerate(found.worlds):  # the list grows while it is read
        for step, after in play.steps(world):
            known = numbers.get(after)
            broken = _broken_by(step, world, after, play)
            if known is None:
                known = numbers[after] = len(found.worlds)
                found.worlds.append(after)
                found.came_by.append((number, step))
                fair.append([])
                broken = broken or (_forgotten(after, play) if after.faults == faults else "")
            if broken:
                found.broken, found.last = broken, (number, step)
                return found
            if _is_fair(step):
                fair[known].append(number)
    stranded = _first_stranded(found.worlds, fair, play)
    if stranded is not None:
        found.broken = "3: nothing more is done, and a provider does not hold the truth"
        found.last = found.came_by[stranded - 1]
    return found


def _broken_by(step: Step, before: World, after: World, play: Play) -> str:
    """Return the promise that a step of a drain breaks, or nothing."""
    if step.act is Act.CLAIM:
        for provider in step.providers:
            row = play.row(before, provider)
            if row.live:
                return "2: a share is claimed while another drain's lease is live"
            if step.lane == URGENT and row.share.urgency is not Urgency.CONSENT:
                return "10: the urgent drain takes what is not urgent"
    if step.act is Act.RECORD:
        drain = before.urgent if step.lane == URGENT else before.lane
        assert drain is not None
        for provider, outcome in zip(step.providers, step.outcomes, strict=True):
            claim = drain.claims[provider]
            assert claim is not None
            if broken := _broken_by_record(claim, outcome, provider, before, after, play):
                return broken
    return ""


def _broken_by_record(
    claim: Claim, outcome: RequestOutcome, provider: int, before: World, after: World, play: Play
) -> str:
    row, later = play.row(before, provider), play.row(after, provider)
    for_good = row.payload is None and later.payload is not None
    if for_good and not claim.holds_row:
        return "2: a drain confirms for good without the lease"
    if for_good and (later.payload != claim.payload or outcome is not RequestOutcome.CONFIRMED):
        return "2: something is confirmed for good that was not sent"
    if claim.holds_row and later.leased:
        return "2: a request has ended and is recorded, and its lease stays"
    if not claim.holds_row and outcome is not RequestOutcome.NOT_SENT and later.payload is not None:
        return "2: what the provider holds counts as known after a late request"
    return ""


def _forgotten(world: World, play: Play) -> str:
    """Return the promise that is broken if only the sweep would find a due share; for worlds without a fault so far."""
    for provider in PROVIDERS:
        row = play.row(world, provider)
        if row.due and not _is_on_the_way(world, provider, urgent=row.share.urgency is Urgency.CONSENT):
            return f"10: a share is due at {provider + 1}, and nothing but the sweep finds it"
    return ""


def _is_on_the_way(world: World, provider: int, *, urgent: bool) -> bool:
    if provider in world.woken or (provider == FIRST and _will_look(world.lane)):
        return True
    if any(drain is not None and provider in drain.left for drain in (world.lane, world.urgent)):
        return True
    return urgent and (URGENT in world.woken or _will_look(world.urgent))


def _will_look(drain: Drain | None) -> bool:
    """Return whether a drain surely claims before it ends; one that may run out of time leaves its work to others."""
    return drain is not None and (drain.look is Look.FIRST or any(drain.claims))


def _is_fair(step: Step) -> bool:
    faults = (Act.DECIDE, Act.LOSE, Act.CRASH)
    return step.act not in faults and set(step.outcomes) <= {RequestOutcome.CONFIRMED}


def _first_stranded(worlds: list[World], fair: list[list[int]], play: Play) -> int | None:
    """Return the number of a world from which no way without faults leads to rest, or None."""
    ends = [number for number, world in enumerate(worlds) if _is_at_rest(world, play)]
    reached = set(ends)
    for number in ends:  # the list grows while it is read
        for before in fair[number]:
            if before not in reached:
                reached.add(before)
                ends.append(before)
    return next((number for number in range(len(worlds)) if number not in reached), None)


def _is_at_rest(world: World, play: Play) -> bool:
    if world.lane or world.urgent or world.woken:
        return False
    rows = [play.row(world, provider) for provider in PROVIDERS]
    return all(row.payload == world.truth and not row.pending for row in rows)
