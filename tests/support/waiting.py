"""Wait for what other processes, threads and tasks bring about: the one way in which tests wait.

A wait ends as soon as its condition holds. The deadline is for what never comes, so it is generous and no measure of
speed; only a test whose subject is a time gives `seconds` of its own.
"""

import asyncio
import inspect
import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.005
LATE = 0.05  # a look costs processor time: pause for this part of what was waited already, so notice that much later
LONGEST_PAUSE_SECONDS = 0.25

_TRUE = object()


def eventually(
    look: Callable[[], object], what: str = "", *, equals: object = _TRUE, seconds: float = PATIENCE_SECONDS
) -> None:
    """Wait until what `look` sees is true, or equals the value; fail with what was awaited and last seen."""
    began = time.monotonic()
    while not _is_there(seen := look(), equals):
        waited = time.monotonic() - began
        assert waited < seconds, _complaint(look, what, equals, seen, seconds)
        time.sleep(_pause(waited))


async def eventually_in_loop(
    look: Callable[[], object], what: str = "", *, equals: object = _TRUE, seconds: float = PATIENCE_SECONDS
) -> None:
    """Wait as `eventually` does, and let other tasks run meanwhile."""
    began = time.monotonic()
    while not _is_there(seen := look(), equals):
        waited = time.monotonic() - began
        assert waited < seconds, _complaint(look, what, equals, seen, seconds)
        await asyncio.sleep(_pause(waited))


def stays_true_for(seconds: float, condition: Callable[[], object], what: str) -> None:
    """Check for some seconds that nothing ends a condition: for tests whose subject is what does not happen."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        assert condition(), f"no longer so: {what}"
        time.sleep(PAUSE_SECONDS)


def _pause(waited: float) -> float:
    return min(max(waited * LATE, PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)


def _is_there(seen: object, equals: object) -> bool:
    return bool(seen) if equals is _TRUE else bool(seen == equals)


def _complaint(look: Callable[[], object], what: str, equals: object, seen: object, seconds: float) -> str:
    wanted = "" if equals is _TRUE else f"; wanted: {equals!r}"
    return f"not within {seconds:g} s: {what or inspect.getsource(look).strip()}{wanted}; last seen: {seen!r}"
