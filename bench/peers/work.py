"""The work that each contender does in its turn, and what is measured of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from bench.ground import cores
from bench.peers.contender import Contender
from bench.peers.stand_ins import Received, StandIns
from bench.processes import cpu_seconds, proportional_megabytes

BEGUN, NEARLY_ALL = 0.1, 0.9  # of a backlog: between these it is measured
BEGUN_AT_LAST = 100  # pushes: a slow contender's first tenth would take a minute
BEHIND_PART = 0.7  # no withdrawal begins once this part of the backlog is pushed
PATIENCE_SECONDS = 120.0
QUIET_SECONDS = 0.5
WARM_SECONDS = 2.0  # of pushes at another latency, before they count: a contender may have to learn how much to send
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Condition:
    """How the providers behave while pushes are counted, and how many pushes wait."""

    latency_ms: int
    errors: float
    pushes: int

    @property
    def key(self) -> str:
        """Return the end of its figures' keys."""
        return f"{self.latency_ms}ms" + ("_errors" if self.errors else "")


@dataclass(frozen=True, slots=True)
class Size:
    """How much work a turn is."""

    no_ops: int
    idle: int  # withdrawals
    behind: int
    behind_seconds: float
    backlog: int
    conditions: tuple[Condition, ...]  # those with errors last: what they leave behind is sent again later
    seconds: float  # at most, for each condition; enough for the hub, which sends a provider's batches first


ERRORS = 0.05  # of all requests, in half of the conditions


def _conditions(at_once: int, after_50_ms: int, after_200_ms: int) -> tuple[Condition, ...]:
    """Return all conditions, with so many pushes at each latency."""
    pushes = {0: at_once, 50: after_50_ms, 200: after_200_ms}
    return tuple(Condition(latency, errors, pushes[latency]) for errors in (0.0, ERRORS) for latency in pushes)


FULL = Size(
    no_ops=100,
    idle=60,
    behind=10,
    behind_seconds=5.0,
    backlog=20_000,
    conditions=_conditions(4_500, 5_000, 3_500),
    seconds=2.5,
)
QUICK = Size(
    no_ops=30,
    idle=10,
    behind=5,
    behind_seconds=5.0,
    backlog=800,
    conditions=_conditions(1_200, 1_800, 1_200),
    seconds=1.5,
)


def turn(contender: Contender, stand_ins: StandIns, size: Size, found: dict[str, float]) -> None:
    """Have a contender do all of the work, and add each figure as soon as it is measured."""
    found |= _withdrawals("idle", [contender.withdraw(permit) for permit in contender.share(size.idle)])
    found |= _behind(contender, stand_ins, size)
    found["memory_mb"] = proportional_megabytes(contender.worker_ids)
    for condition in size.conditions:
        found |= _pushes(contender, stand_ins, condition, size.seconds)
        found["memory_mb"] = max(found["memory_mb"], proportional_megabytes(contender.worker_ids))


def _withdrawals(name: str, taken_ms: list[float]) -> dict[str, float]:
    ordered = sorted(taken_ms)
    return {
        f"{name}_median_ms": median(ordered),
        f"{name}_slowest_ms": ordered[-1],
        f"{name}_measured": len(ordered),
    }


def _behind(contender: Contender, stand_ins: StandIns, size: Size) -> dict[str, float]:
    """Withdraw while a backlog is pushed; at least once, also if that takes until the backlog is gone."""
    permits = contender.share(size.behind)
    before = stand_ins.received().changes
    backlog = contender.enqueue(size.backlog)
    _until(lambda: stand_ins.received().changes > before, "the backlog being pushed")
    taken: list[float] = []
    until = time.monotonic() + size.behind_seconds
    for permit in permits:
        done = stand_ins.received().changes - before > backlog * BEHIND_PART
        if taken and (done or time.monotonic() > until):
            break
        taken.append(contender.withdraw(permit))
    _empty(contender, stand_ins)
    return _withdrawals("behind", taken)


def _pushes(contender: Contender, stand_ins: StandIns, condition: Condition, seconds: float) -> dict[str, float]:
    """Count the changes that arrive, from the beginning of the backlog to nine tenths of it, or for some seconds."""
    stand_ins.behave(latency_ms=condition.latency_ms, errors=condition.errors)
    if condition.latency_ms:
        _warm_up(contender, stand_ins, condition.pushes // 2)
    before = stand_ins.received().changes
    pushes = contender.enqueue(condition.pushes)
    used, start = cpu_seconds(contender.process_ids), stand_ins.received()
    begun, enough = before + min(pushes * BEGUN, BEGUN_AT_LAST), before + pushes * NEARLY_ALL
    _until(lambda: stand_ins.received().changes >= begun, "the backlog being pushed")
    first = stand_ins.received()
    if first.changes >= enough:  # so quick that its beginning has to count too
        first = start
    last = first
    while last is first or (last.changes < enough and last.at - first.at < seconds):
        time.sleep(POLL_SECONDS)
        last = stand_ins.received()
    used = cpu_seconds(contender.process_ids) - used
    _empty(contender, stand_ins)
    stand_ins.behave()
    each = _rates(first, last) | {"cpu_ms_a_push": 1000 * used / max(last.changes - start.changes, 1)}
    return {f"{name}_{condition.key}": value for name, value in each.items()}


def _warm_up(contender: Contender, stand_ins: StandIns, pushes: int) -> None:
    before = stand_ins.received().changes
    enough = before + contender.enqueue(pushes) * NEARLY_ALL
    _until(lambda: stand_ins.received().changes > before, "the backlog being pushed")
    until = time.monotonic() + WARM_SECONDS
    while time.monotonic() < until and stand_ins.received().changes < enough:
        time.sleep(POLL_SECONDS)
    _empty(contender, stand_ins)


def _rates(first: Received, last: Received) -> dict[str, float]:
    seconds = last.at - first.at
    return {
        "pushes_per_s": max(last.changes - first.changes, 1) / seconds,  # a ratio needs more than none
        "requests_per_s": (last.requests - first.requests) / seconds,
        "stand_ins_percent": 100 * (last.cpu_seconds - first.cpu_seconds) / seconds / cores(),
    }


def _empty(contender: Contender, stand_ins: StandIns) -> None:
    """Drop the rest of a backlog, and wait until nothing more arrives."""
    contender.purge()
    changes, since = stand_ins.received().changes, time.monotonic()
    deadline = since + PATIENCE_SECONDS
    while time.monotonic() - since < QUIET_SECONDS and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        if (now := stand_ins.received().changes) != changes:
            changes, since = now, time.monotonic()


def _until(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_SECONDS:g} s: {what}")
        time.sleep(POLL_SECONDS / 10)
