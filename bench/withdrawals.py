"""Withdrawals of consent: the time until every provider has confirmed the removal, and until the data was gone."""

import time
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from permit_hub_client import RESUMED, Watch

from bench import floors
from bench.backlog import drop_due, make_due
from bench.figures import Figure, p99, times
from bench.ground import RECEIPT_SECONDS, Ground, Inhabitant
from ops.shown.space import APPS

IDLE_MEDIAN_MS, IDLE_P99_MS, OF_FLOORS = 20.0, 45.0, 3.0
BEHIND_P99_MS, OF_IDLE_P99, OF_PUSHES = 100.0, 2.0, 0.85
BACKLOG, QUICK_BACKLOG = 100_000, 16_000
EVERY_SECONDS = 0.5  # between the starts of two withdrawals
REFERENCES = "SELECT provider, reference FROM shares WHERE permit_id = %s AND provider = ANY(%s)"


def measure_idle(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure withdrawals without other work, beside the floors of the same minute."""
    number = 40 if quick else 300
    below = floors.summed(ground, number)
    confirmed, removed = withdraw(ground, ground.sharing(number))
    return [
        *times("withdrawal, 4 confirmed", confirmed, median_target=IDLE_MEDIAN_MS, p99_target=IDLE_P99_MS),
        Figure("withdrawal median, as a multiple of the floors' sum", median(confirmed) / below, "", target=OF_FLOORS),
        *times("withdrawal, 4 removed", removed, median_target=None, p99_target=None),
    ]


def measure_behind(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure withdrawals while a backlog of shares of urgency 2 is being sent, and what they cost the backlog.

    Stretches with and without withdrawals take turns, each pair from a full backlog.
    """
    stretches, number, backlog = (2, 15, QUICK_BACKLOG) if quick else (4, 30, BACKLOG)
    inhabitants = iter(ground.sharing(number * (stretches + 1)))
    idle, _ = withdraw(ground, _some(inhabitants, number))
    confirmed: list[float] = []
    removed: list[float] = []
    left: list[float] = []
    for stretch in range(stretches):
        _fill(ground, backlog)
        rates = {}
        for withdraws in (True, False) if stretch % 2 else (False, True):
            started, before = time.perf_counter(), ground.received()
            if withdraws:
                both = withdraw(ground, _paced(_some(inhabitants, number)))
                confirmed += both[0]
                removed += both[1]
            else:
                time.sleep(number * EVERY_SECONDS / 2)
            rates[withdraws] = (ground.received() - before) / (time.perf_counter() - started)
        left.append(rates[True] / rates[False])
    drop_due(ground)
    behind = f"withdrawal behind {backlog:,} due"
    return [
        *times(f"{behind}, 4 confirmed", confirmed, median_target=None, p99_target=BEHIND_P99_MS),
        Figure(f"{behind}, p99 as a multiple of the idle p99", p99(confirmed) / p99(idle), "", target=OF_IDLE_P99),
        *times(f"{behind}, 4 removed", removed, median_target=None, p99_target=None),
        Figure(
            "pushes beside withdrawals, as a part of those without",
            median(left),
            "",
            min(left),
            max(left),
            len(left),
            OF_PUSHES,
            at_most=False,
        ),
    ]


def withdraw(ground: Ground, inhabitants: Iterable[Inhabitant]) -> tuple[list[float], list[float]]:
    """Withdraw one after the other; return the times to the last live event and to the last removal."""
    confirmed, removed = [], []
    for inhabitant in inhabitants:
        job = ground.consent(inhabitant, "refuse")
        with ground.hub.watch(inhabitant.resident_id) as watch:
            started = time.monotonic_ns() / 1e6
            assert ground.hub.submit(job, wait=RECEIPT_SECONDS).applied
            await_confirmations(watch, held=False)
            confirmed.append(time.monotonic_ns() / 1e6 - started)
        removed.append(max(_removed_at(ground, inhabitant)) - started)
    return confirmed, removed


def _fill(ground: Ground, backlog: int) -> None:
    """Make the backlog full, and wait until it is being sent."""
    make_due(ground, backlog)
    before = ground.received()
    ground.until(lambda: ground.received() > before + 200, "the backlog being pushed")


def _some(inhabitants: Iterator[Inhabitant], number: int) -> Sequence[Inhabitant]:
    return [next(inhabitants) for _ in range(number)]


def _paced(inhabitants: Iterable[Inhabitant]) -> Iterator[Inhabitant]:
    """Yield one each half second, or as soon as the one before is done."""
    begin_at = time.monotonic()
    for inhabitant in inhabitants:
        time.sleep(max(begin_at - time.monotonic(), 0.0))
        begin_at = max(begin_at, time.monotonic() - EVERY_SECONDS) + EVERY_SECONDS
        yield inhabitant


def await_confirmations(watch: Watch, *, held: bool) -> None:
    """Wait until each app has confirmed that it holds the resident's data, or no longer does.

    Raises:
        TimeoutError: one has not.
    """
    waiting = set(APPS)
    while waiting:
        event = watch.next(RECEIPT_SECONDS)
        if event is None or event["type"] == RESUMED:
            raise TimeoutError(f"no confirmation from {sorted(waiting)}")
        waiting -= {share["provider"] for share in event["data"]["shares"] if share["held"] is held}


def _removed_at(ground: Ground, inhabitant: Inhabitant) -> list[float]:
    """Return when each provider applied the removal, in milliseconds of the machine's monotonic clock."""
    found = []
    for provider, reference in ground.database.execute(REFERENCES, [inhabitant.permit_id, list(APPS)]).fetchall():
        requests = ground.control.requests(provider, reference)
        found.append([sent.applied_ms for sent in requests if sent.applied_ms is not None][-1])
    return found
