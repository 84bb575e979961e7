"""When a provider is left alone for a while, and how the hub finds out that it works again.

A breaker *opens* after failures in a row. While it is open, only shares that were never tried are claimed (so a
withdrawal still goes out), and one *probe* at a time. It is half open while a probe is under way. The first answer
closes it.
"""

from datetime import timedelta
from enum import StrEnum

FAILURES_TO_OPEN = 5  # in a row, as one process sees them
FIRST_PROBE = timedelta(seconds=1)
LAST_PROBE = timedelta(seconds=15)  # a provider that is back waits no longer
DOUBLINGS = 4
DEFAULT_HOLD = timedelta(seconds=1)  # the provider said "slow down" without a time


class BreakerState(StrEnum):
    """What a breaker lets through: everything, one probe, or nothing more while the probe is under way."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


def probe_in(probes: int, jitter: float) -> timedelta:
    """Return how long to wait after `probes` failed probes; spread over the upper half by `jitter` (0 to 1)."""
    return min(FIRST_PROBE * (1 << min(probes, DOUBLINGS)), LAST_PROBE) * (0.5 + jitter / 2)


def hold_for(retry_after: float | None) -> timedelta:
    """Return how long a lane is held after "slow down"; `retry_after` in seconds."""
    return DEFAULT_HOLD if retry_after is None else timedelta(seconds=retry_after)
