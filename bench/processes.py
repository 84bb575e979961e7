"""What processes have used: processor time and memory, with all their children."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

import psutil


def cpu_seconds(process_ids: Iterable[int]) -> float:
    """Return the processor time that these processes and their children have used so far."""
    used = 0.0
    for process in family(process_ids):
        with suppress(psutil.NoSuchProcess):
            taken = process.cpu_times()
            used += taken.user + taken.system
    return used


def proportional_megabytes(process_ids: Iterable[int]) -> float:
    """Return their memory, where a page that several processes share counts in parts (PSS)."""
    used = 0.0
    for process in family(process_ids):
        with suppress(psutil.NoSuchProcess):
            used += process.memory_full_info().pss / 1e6
    return used


def family(process_ids: Iterable[int]) -> Iterator[psutil.Process]:
    """Yield these processes and all their children, as far as they still run."""
    for number in process_ids:
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(number)
            yield from (main, *main.children(recursive=True))
