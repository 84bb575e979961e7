"""When a share that failed is tried again: from seconds to an hour."""

from datetime import timedelta

FIRST = timedelta(seconds=1)
PUT_CAP = timedelta(hours=1)
REMOVAL_CAP = timedelta(minutes=5)  # shorter: the provider holds data that it should not
DOUBLINGS = 12


def retry_in(failures: int, *, removal: bool, jitter: float, retry_after: float | None = None) -> timedelta:
    """Return how long to wait after the nth failure in a row.

    Exponential, spread over the upper half by `jitter` (0 to 1). Never sooner than the provider asked (`retry_after`,
    seconds, an hour at most).
    """
    cap = REMOVAL_CAP if removal else PUT_CAP
    full = min(FIRST * (1 << min(failures, DOUBLINGS)), cap)
    wait = full * (0.5 + jitter / 2)
    if retry_after is None:
        return wait
    return max(wait, timedelta(seconds=retry_after))
