"""When a provider is left alone for a while, and how it is found out that it works again.

A breaker *opens* after failures in a row. Then nothing is claimed but what was never tried (a withdrawal goes out all
the same) and, one at a time, *probes*: it is half open while one is under way. The first answer closes it.
"""

from datetime import timedelta
from enum import StrEnum

FAILURES_TO_OPEN = 5  # in a row, as one process sees them
FIRST_PROBE = timedelta(seconds=1)
LAST_PROBE = timedelta(seconds=15)  # so that a provider that is back waits no longer
DOUBLINGS = 4
HOLD_UNSAID = timedelta(seconds=1)  # told that it is too much, and not how long


class BreakerState(StrEnum):
    """What a breaker lets through: everything, probes, or nothing more while one is under way."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


def probe_in(probes: int, jitter: float) -> timedelta:
    """Return how long to wait after so many probes in vain; spread over the upper half by `jitter` (0 to 1)."""
    return min(FIRST_PROBE * (1 << min(probes, DOUBLINGS)), LAST_PROBE) * (0.5 + jitter / 2)


def hold_for(retry_after: float | None) -> timedelta:
    """Return how long a lane is held that was told to slow down; `retry_after` in seconds."""
    return HOLD_UNSAID if retry_after is None else timedelta(seconds=retry_after)
