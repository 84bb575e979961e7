"""Single lanes: how many changes a second one process sends to one provider, and how a hanging one slows others."""

import time
from collections.abc import Sequence

from bench.backlog import drop_due, make_due
from bench.figures import Figure, rates
from bench.ground import Ground
from integrations.sandbox.misbehaviour import Kind

SINGLE, BATCHED = "easypark", "flowbird"
SINGLE_RATE, LATE_RATE, BATCHED_RATE, LEFT = 1_200.0, 580.0, 6_000.0, 0.95
LATENCY_MS = 50.0
AT_ONCE, SERVICE_MS = 3, 375.0  # a provider that serves eight requests a second
FEW_RATE = 0.9 * AT_ONCE / SERVICE_MS * 1000
FEW_SECONDS = 20.0
SAMPLE_SECONDS = 1.0
ENDS = 0.1  # of the backlog at either end, while the lane starts or runs dry
HANGING = "indigo_neo"
OTHERS = ("paybyphone", SINGLE)
CONFIRMED = "SELECT count(*) FROM disclosure_outcomes WHERE outcome = 'confirmed'"
FAILED = "SELECT count(*) FROM disclosure_outcomes WHERE outcome <> 'confirmed'"


def measure(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure lanes one by one, without other work."""
    part = 1 if quick else 4
    figures = [rates(f"one lane, single changes ({SINGLE})", _rate(ground, 6_000 * part, [SINGLE]), "/s", SINGLE_RATE)]
    ground.control.misbehave(SINGLE, Kind.SLOW, delay_ms=LATENCY_MS)
    late = _rate(ground, 2_500 * part, [SINGLE])
    ground.control.behave(SINGLE)
    figures.append(rates(f"one lane, answers after {LATENCY_MS:g} ms", late, "/s", LATE_RATE))
    batched = _rate(ground, 20_000 * part, [BATCHED])
    figures.append(rates(f"one lane, in batches ({BATCHED})", batched, " changes/s", BATCHED_RATE))
    return figures + _few_at_once(ground, FEW_SECONDS * part)


def _few_at_once(ground: Ground, seconds: float) -> list[Figure]:
    """Measure a lane to a provider that serves a few requests at a time, once its window has adapted."""
    ground.control.misbehave(SINGLE, Kind.BUSY, at_once=AT_ONCE, delay_ms=SERVICE_MS)
    make_due(ground, int(FEW_RATE * 4 * seconds), [SINGLE])
    time.sleep(seconds)
    confirmed, failed, at = ground.scalar(CONFIRMED), ground.scalar(FAILED), time.perf_counter()
    time.sleep(seconds)
    rate = (ground.scalar(CONFIRMED) - confirmed) / (time.perf_counter() - at)
    failed = ground.scalar(FAILED) - failed
    ground.control.behave(SINGLE)
    drop_due(ground)
    name = f"one lane, {AT_ONCE} at once for {SERVICE_MS:g} ms"
    return [
        Figure(name, rate, "/s", target=FEW_RATE, at_most=False),
        Figure(f"{name}: not confirmed", failed, "", target=0),
    ]


def measure_hanging(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure two lanes alone, and again while a third provider hangs on every request."""
    number = 6_000 if quick else 20_000
    alone = rates("two lanes", _rate(ground, number, OTHERS), "/s")
    ground.control.misbehave(HANGING, Kind.HANG)
    make_due(ground, number // 2, [HANGING])
    beside = rates("the same beside a provider that hangs", _rate(ground, number, OTHERS), "/s")
    ground.control.behave(HANGING)
    drop_due(ground)
    left = Figure("speed left beside a provider that hangs", beside.value / alone.value, "", target=LEFT, at_most=False)
    return [alone, beside, left]


def _rate(ground: Ground, shares: int, providers: Sequence[str]) -> list[float]:
    """Make a backlog due; return the confirmed changes per second, sampled each second."""
    backlog = make_due(ground, shares, providers)
    each: list[float] = []
    left, at = _left(ground, providers), time.perf_counter()
    while left > backlog * ENDS:
        time.sleep(SAMPLE_SECONDS)
        now_left, now = _left(ground, providers), time.perf_counter()
        if left < backlog * (1 - ENDS):
            each.append((left - now_left) / (now - at))
        left, at = now_left, now
    ground.until(lambda: _left(ground, providers) == 0, "the lanes empty")
    return each


def _left(ground: Ground, providers: Sequence[str]) -> int:
    pending = "SELECT count(*) FROM shares WHERE confirmed_version < wanted_version AND provider = ANY(%s)"
    return int(ground.scalar(pending, list(providers)))
