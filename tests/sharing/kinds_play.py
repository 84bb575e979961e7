"""The steps that can happen next to the two kinds of drain, with faults."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from tests.sharing.kinds import (
    FIRST,
    NO_LANES,
    PROVIDERS,
    SECOND,
    URGENT,
    Act,
    Claim,
    Drain,
    KindRules,
    Lanes,
    Look,
    Step,
    World,
    is_fresh,
)
from tests.sharing.rows import NAMES, NONE, NOW, A, B, Row, Rows, Ticks
from worker.domain.sharing import RequestOutcome, Urgency

OUTCOMES = (RequestOutcome.CONFIRMED, RequestOutcome.NOT_SENT, RequestOutcome.UNCLEAR)
DECISIONS = ((NONE, Urgency.CONSENT), (A, Urgency.CONSENT), (B, Urgency.CHANGE))


@dataclass
class Play:
    """The steps that each world allows."""

    rules: KindRules
    ticks: Ticks

    def __post_init__(self) -> None:
        self.rows = Rows(self.rules.of_share, self.ticks, keeps_urgency=True)

    def start(self, decisions: int, faults: int) -> World:
        """Return the world in which both providers hold A."""
        row, _ = self.rows.claim(self.rows.want(0), A)
        row = self.rows.record(row, True, RequestOutcome.CONFIRMED)
        return World(A, decisions, faults, (row, row))

    def row(self, world: World, provider: int) -> Row:
        """Return a provider's row."""
        return self.rows.rows[world.rows[provider]]

    def steps(self, world: World) -> Iterator[tuple[Step, World]]:
        """Yield all steps that can happen next, with faults."""
        if world.decisions:
            yield from self._decides(world)
        if world.faults or not _is_busy(world):
            yield Step(Act.TICK), self._later(world)
        for lane in world.woken if world.faults else ():
            yield Step(Act.LOSE, lane), _with_fault(world)._replace(woken=world.woken - {lane})
        for provider in PROVIDERS:
            if provider not in world.woken and self.row(world, provider).due:
                yield Step(Act.SWEEP, provider), world._replace(woken=world.woken | {provider})
        if SECOND in world.woken:
            yield Step(Act.PASS, SECOND, (SECOND,)), self._passed(world)
            if is_fresh(self.row(world, SECOND).share, NOW):
                left = world if self.rules.stays_awake else world._replace(woken=world.woken - {SECOND})
                yield Step(Act.LEAVE, SECOND), left
        yield from self._moves(world, FIRST, world.lane)
        yield from self._moves(world, URGENT, world.urgent)

    def _decides(self, world: World) -> Iterator[tuple[Step, World]]:
        first, second = world.rows
        for truth, urgency in DECISIONS:
            rows = (self.rows.want(first, urgency), self.rows.want(second, urgency))
            decided = world._replace(truth=truth, decisions=world.decisions - 1, rows=rows)
            woken = (URGENT,) if urgency is Urgency.CONSENT else PROVIDERS
            yield Step(Act.DECIDE, told=f"{NAMES[truth]} ({urgency.name})"), decided.with_woken(woken)

    def _later(self, world: World) -> World:
        """Let a tick pass."""
        first, second = world.rows
        after = _with_fault(world) if _is_busy(world) else world
        return after._replace(rows=(self.rows.tick(first), self.rows.tick(second)))

    def _passed(self, world: World) -> World:
        """Have the second provider's own drain claim, send and record."""
        after = world._replace(woken=world.woken - {SECOND})
        if not self.rules.lane_takes(self.row(world, SECOND).share, NOW):
            return after
        row, taken = self.rows.claim(world.rows[SECOND], world.truth)
        if taken:
            row = self.rows.record(row, True, RequestOutcome.CONFIRMED)
        return _taken_from(after, URGENT, SECOND).with_row(SECOND, row)

    def _moves(self, world: World, lane: int, drain: Drain | None) -> Iterator[tuple[Step, World]]:
        if drain is None:
            if lane in world.woken:
                woken = world.woken - {lane} if self.rules.wake_up_ends_first else world.woken
                yield Step(Act.START, lane), world._replace(woken=woken).with_drain(lane, Drain())
            return
        if world.faults:
            yield Step(Act.CRASH, lane), _with_fault(world).with_drain(lane, None)
        if drain.look is not Look.DONE or any(drain.claims):  # while a request is under way it looks now and then
            yield from self._claims(world, lane, drain)
        if any(drain.claims):
            yield from self._records(world, lane, drain)
        elif drain.look is not Look.FIRST:
            ended = world if self.rules.wake_up_ends_first else world._replace(woken=world.woken - {lane})
            left = self.rules.woken_at_the_end(drain.left) if lane == URGENT else drain.left
            yield Step(Act.END, lane), ended.with_drain(lane, None).with_woken(left)

    def _claims(self, world: World, lane: int, drain: Drain) -> Iterator[tuple[Step, World]]:
        """Claim in one transaction, at the providers that may be sent something now."""
        if lane != URGENT:
            yield self._claimed(world, lane, drain, (FIRST,), NO_LANES)
            if not any(drain.claims) and is_fresh(self.row(world, FIRST).share, NOW):
                look = Look.FIRST if self.rules.stays_awake else Look.DONE
                yield Step(Act.LEAVE, lane), world.with_drain(lane, drain._replace(look=look))
            return
        for granted in ((FIRST,), (SECOND,), PROVIDERS):
            left = self.rules.not_granted(frozenset(PROVIDERS) - set(granted))
            yield self._claimed(world, lane, drain, granted, left)

    def _claimed(
        self, world: World, lane: int, drain: Drain, granted: tuple[int, ...], left: Lanes
    ) -> tuple[Step, World]:
        takes = self.rules.urgent_takes if lane == URGENT else self.rules.lane_takes
        after, claims, took = world, list(drain.claims), []
        for provider in granted:
            if claims[provider] is None and takes(self.row(world, provider).share, NOW):
                row, taken = self.rows.claim(world.rows[provider], world.truth)
                after = _taken_from(after, FIRST if lane == URGENT else URGENT, provider).with_row(provider, row)
                if taken:
                    claims[provider] = Claim(world.truth)
                    took.append(provider)
        first, second = claims
        step = Step(Act.CLAIM, lane, tuple(took), told=f"asking {len(granted)}")
        return step, after.with_drain(lane, Drain(Look.DONE, (first, second), left))

    def _records(self, world: World, lane: int, drain: Drain) -> Iterator[tuple[Step, World]]:
        """Record what has ended, of any of the providers, in one transaction."""
        outcomes = OUTCOMES if world.faults else OUTCOMES[:1]
        each = [(None, *outcomes) if claim else (None,) for claim in drain.claims]
        for first, second in product(*each):
            ended = {provider: outcome for provider, outcome in zip(PROVIDERS, (first, second), strict=True) if outcome}
            if ended:
                yield self._recorded(world, lane, drain, ended)

    def _recorded(self, world: World, lane: int, drain: Drain, ended: dict[int, RequestOutcome]) -> tuple[Step, World]:
        held = [claim.holds_row for provider in ended if (claim := drain.claims[provider])]
        after, again = world, set()
        for (provider, outcome), leased in zip(ended.items(), self.rules.recorded(held), strict=True):
            if leased is not None:
                row = self.rows.record(world.rows[provider], leased, outcome)
                after = after.with_row(provider, row)
                if self.rows.rows[row].due:
                    again.add(provider)
        first, second = (None if provider in ended else drain.claims[provider] for provider in PROVIDERS)
        left = drain.left | self.rules.due_again(frozenset(again))
        recorded = Drain(Look.AGAIN if left else drain.look, (first, second), left)
        if set(ended.values()) != {RequestOutcome.CONFIRMED}:
            after = _with_fault(after)
        step = Step(Act.RECORD, lane, tuple(ended), tuple(ended.values()))
        return step, after.with_drain(lane, recorded)


def _with_fault(world: World) -> World:
    return world._replace(faults=world.faults - 1)


def _is_busy(world: World) -> bool:
    return any(drain is not None and any(drain.claims) for drain in (world.lane, world.urgent))


def _taken_from(world: World, lane: int, provider: int) -> World:
    """Return the world in which a drain has lost its lease at a provider, if it had one."""
    drain = world.urgent if lane == URGENT else world.lane
    claim = drain.claims[provider] if drain else None
    if drain is None or claim is None:
        return world
    first, second = (claim._replace(holds_row=False) if at == provider else drain.claims[at] for at in PROVIDERS)
    return world.with_drain(lane, drain._replace(claims=(first, second)))
