"""The cost of one change with few and with many permits stored: processor time, and statements in PostgreSQL."""

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.city import fill_city, hold_city
from bench.figures import Figure
from bench.ground import Ground, Inhabitant
from bench.processes import cpu_seconds
from bench.vehicles import change_vehicle
from ops.shown.space import METERS

SIZES, QUICK_SIZES = (10_000, 100_000, 1_000_000), (1_000, 10_000, 100_000)
ROUNDS, QUICK_ROUNDS = 5, 2
CHANGES, QUICK_CHANGES = 60, 30
WARM = 2  # rounds before the first one that counts: plans, pages and caches
MOST_TO_LEAST = 1.1
NOT_COUNTED = frozenset({"sandbox", "mailbox", "flower", "personal-space", "stand-ins", "beat"})
STATEMENT = re.compile(rb"duration: [\d.]+ ms  (?:execute |statement: )")
LOGGED = "ALTER SYSTEM SET log_min_duration_statement = 0"
NOT_LOGGED = "ALTER SYSTEM RESET log_min_duration_statement"


def measure(ground: Ground, *, quick: bool) -> list[Figure]:
    """Change the same vehicles again and again, while more and more permits are stored."""
    sizes, rounds, changes = (QUICK_SIZES, QUICK_ROUNDS, QUICK_CHANGES) if quick else (SIZES, ROUNDS, CHANGES)
    inhabitants = ground.sharing(changes)
    for _ in range(WARM):
        _change(ground, inhabitants)
    figures: list[Figure] = []
    costs: list[float] = []
    for size in sizes:
        with ground.clock_stopped():
            fill_city(ground, size)
            hold_city(ground, size, METERS)
            ground.database.execute("VACUUM ANALYZE")
            ground.database.execute("CHECKPOINT")
            _change(ground, inhabitants)  # once before it counts
            each = [_cost_ms(ground, inhabitants) for _ in range(rounds)]
            statements = _statements(ground, inhabitants)
        costs.append(median(each))
        stored = f"with {size:,} permits stored"
        figures += [
            Figure(f"processor time of a change {stored}", costs[-1], "ms", min(each), max(each), rounds),
            Figure(f"statements of a change {stored}", statements, "", measured=changes),
        ]
    ratio = Figure(
        f"processor time with {sizes[-1]:,} permits against {sizes[0]:,}",
        costs[-1] / costs[0],
        "",
        target=MOST_TO_LEAST,
    )
    return [*figures, ratio]


def _cost_ms(ground: Ground, inhabitants: Sequence[Inhabitant]) -> float:
    """Return the processor time of a change: of the hub's workers, PostgreSQL and Valkey."""
    counted = [number for name, number in ground.stack.process_ids.items() if name not in NOT_COUNTED]
    before = cpu_seconds(counted)
    _change(ground, inhabitants)
    return (cpu_seconds(counted) - before) * 1000 / len(inhabitants)


def _statements(ground: Ground, inhabitants: Sequence[Inhabitant]) -> float:
    """Return the statements of a change, with those that begin and end transactions."""
    log: Path = ground.stack.servers.logs / "postgres.log"
    _log_statements(ground, LOGGED)
    before = log.stat().st_size
    _change(ground, inhabitants)
    _log_statements(ground, NOT_LOGGED)
    with log.open("rb") as lines:
        lines.seek(before)
        return sum(1 for line in lines if STATEMENT.search(line)) / len(inhabitants)


def _log_statements(ground: Ground, setting: str) -> None:
    ground.database.execute(setting)
    ground.database.execute("SELECT pg_reload_conf()")


def _change(ground: Ground, inhabitants: Sequence[Inhabitant]) -> None:
    """Change one vehicle after the other, so that no two changes share a transaction or a request.

    Nothing is asked of PostgreSQL meanwhile: that would count.
    """
    for inhabitant in inhabitants:
        change_vehicle(ground, inhabitant)
