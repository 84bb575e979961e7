"""Withdrawals of consent: the time until every provider has confirmed the removal, and until the data was gone."""

import time
from collections.abc import Iterable

from permit_hub_client import RESUMED

from bench.backlog import drop_due, make_due
from bench.figures import Figure, rates, times
from bench.ground import RECEIPT_SECONDS, Ground, Inhabitant
from ops.shown.space import APPS

IDLE_MEDIAN_MS, IDLE_P99_MS, BEHIND_P99_MS = 25.0, 60.0, 300.0
BACKLOG, QUICK_BACKLOG = 100_000, 16_000
REFERENCES = "SELECT provider, reference FROM shares WHERE permit_id = %s AND provider = ANY(%s)"


def measure_idle(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure withdrawals without other work."""
    confirmed, removed = withdraw(ground, ground.sharing(40 if quick else 300))
    return [
        *times("withdrawal, 4 confirmed", confirmed, median_target=IDLE_MEDIAN_MS, p99_target=IDLE_P99_MS),
        *times("withdrawal, 4 removed", removed, median_target=None, p99_target=None),
    ]


def measure_behind(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure withdrawals while a backlog of shares of urgency 2 is being sent."""
    inhabitants = ground.sharing(30 if quick else 200)
    backlog = QUICK_BACKLOG if quick else BACKLOG
    make_due(ground, backlog)
    before = ground.received()
    ground.until(lambda: ground.received() > before + 200, "the backlog being pushed")
    started, first = time.perf_counter(), ground.received()
    confirmed: list[float] = []
    removed: list[float] = []
    for inhabitant in inhabitants:
        if ground.received() - before > backlog * 0.7:
            before += make_due(ground, backlog)
        both = withdraw(ground, [inhabitant])
        confirmed += both[0]
        removed += both[1]
    pushed = (ground.received() - first) / (time.perf_counter() - started)
    drop_due(ground)
    behind = f"withdrawal behind {backlog:,} due"
    return [
        *times(f"{behind}, 4 confirmed", confirmed, median_target=None, p99_target=BEHIND_P99_MS),
        *times(f"{behind}, 4 removed", removed, median_target=None, p99_target=None),
        rates("pushes meanwhile", [pushed], "/s"),
    ]


def withdraw(ground: Ground, inhabitants: Iterable[Inhabitant]) -> tuple[list[float], list[float]]:
    """Withdraw one after the other; return the times to the last live event and to the last removal."""
    confirmed, removed = [], []
    for inhabitant in inhabitants:
        job = ground.consent(inhabitant, "refuse")
        with ground.hub.watch(inhabitant.resident_id) as watch:
            started = time.monotonic_ns() / 1e6
            assert ground.hub.submit(job, wait=RECEIPT_SECONDS).applied
            waiting = set(APPS)
            while waiting:
                event = watch.next(RECEIPT_SECONDS)
                if event is None or event["type"] == RESUMED:
                    raise TimeoutError(f"no confirmation from {sorted(waiting)}")
                waiting -= {share["provider"] for share in event["data"]["shares"] if not share["held"]}
            confirmed.append(time.monotonic_ns() / 1e6 - started)
        removed.append(max(_removed_at(ground, inhabitant)) - started)
    return confirmed, removed


def _removed_at(ground: Ground, inhabitant: Inhabitant) -> list[float]:
    """Return when each provider applied the removal, in milliseconds of the machine's monotonic clock."""
    found = []
    for provider, reference in ground.database.execute(REFERENCES, [inhabitant.permit_id, list(APPS)]).fetchall():
        requests = ground.control.requests(provider, reference)
        found.append([sent.applied_ms for sent in requests if sent.applied_ms is not None][-1])
    return found
