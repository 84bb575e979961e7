"""Memory: the size of the workers' processes after all other measures."""

import psutil

from bench.figures import Figure
from bench.ground import Ground

MOST_MB = 200.0
NOT_WORKERS = frozenset({"postgres", "valkey", "sandbox", "beat", "flower"})


def measure(ground: Ground, **_: bool) -> list[Figure]:
    """Read the resident set of each worker's processes; pages that a fork still shares count in each."""
    largest = {
        name: max(process.memory_info().rss for process in (main, *main.children(recursive=True))) / 1e6
        for name, main in ((name, psutil.Process(pid)) for name, pid in ground.stack.process_ids.items())
        if name not in NOT_WORKERS
    }
    return [
        Figure(
            "largest worker process",
            max(largest.values()),
            "MB",
            min(largest.values()),
            measured=len(largest),
            target=MOST_MB,
        ),
        *(Figure(f"  {name}", megabytes, "MB") for name, megabytes in sorted(largest.items())),
    ]
