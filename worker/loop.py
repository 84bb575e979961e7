"""The event loop of a worker's process, whose time goes on while the machine is suspended."""

import asyncio
import time
from collections.abc import Callable

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # elsewhere than on Linux the latter counts it, too


def clock() -> float:
    """Return seconds that are counted while the machine is suspended, as the database's are."""
    return time.clock_gettime(CLOCK)


class Loop(asyncio.SelectorEventLoop):
    """Deadlines and time-outs that a suspended machine cannot stretch: leases end meanwhile, too."""

    def __init__(self, now: Callable[[], float] = clock) -> None:
        """Take a clock."""
        self._now = now
        super().__init__()

    def time(self) -> float:
        """Return the time that deadlines are counted in."""
        return self._now()
