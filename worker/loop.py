"""The event loop of a worker process; its time includes the time that the machine is suspended."""

import time
from collections.abc import Callable

from integrations.looking import LookingLoop

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # outside of Linux the latter includes suspension


def clock() -> float:
    """Return seconds that also count while the machine is suspended, as the database's do."""
    return time.clock_gettime(CLOCK)


class Loop(LookingLoop):
    """A loop whose deadlines a suspended machine cannot stretch: leases end meanwhile, too."""

    def __init__(self, now: Callable[[], float] = clock) -> None:
        """Take a clock."""
        self._now = now
        super().__init__()

    def time(self) -> float:
        """Return the time in which deadlines are counted."""
        return self._now()
