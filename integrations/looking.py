"""An event loop that tells how long an answer may have waited for this process.

A loop that computes, or a process that waits for a processor, reads an answer late. To count that time as the
provider's would make every provider seem slow on a busy machine.
"""

import asyncio
import selectors
from collections.abc import Callable


class _Looking(selectors.DefaultSelector):
    """A selector that notes when it looked."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._looked_at = now()
        self.came_after = self._looked_at

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            self.came_after = self._looked_at  # at the look before this one, it was not there
        else:
            ready = super().select(timeout)
            self.came_after = self._now()
        self._looked_at = self._now()
        return ready


class LookingLoop(asyncio.SelectorEventLoop):
    """A loop that knows the earliest time at which what is read in this turn may have come."""

    def __init__(self) -> None:
        """Begin without having looked."""
        self._looking = _Looking(self.time)
        super().__init__(self._looking)

    @property
    def came_after(self) -> float:
        """Return the time of the last look before that of this turn; if the loop was idle, the end of its wait."""
        return self._looking.came_after
