"""Read the Retry-After header."""

import re
from datetime import MAXYEAR, UTC, datetime
from email.utils import parsedate_tz

import httpx

LONGEST_RETRY_AFTER = 3_600.0  # seconds; a wrong header must not delay a withdrawal for longer

NUMBER = re.compile(r"\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE | re.ASCII)
DISTANT = datetime.max.replace(tzinfo=UTC)


def retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds of Retry-After, the most if there are several; None without one.

    A number with a fraction is read, too. A past date is 0 seconds.
    """
    now = _moment(headers.get("date", "")) or datetime.now(UTC)  # by their clock, in case it is wrong
    said = [_seconds(value.strip(), now) for value in headers.get_list("retry-after")]
    found = [seconds for seconds in said if seconds is not None]
    return min(max(*found, 0.0), LONGEST_RETRY_AFTER) if found else None


def _seconds(value: str, now: datetime) -> float | None:
    if NUMBER.fullmatch(value):
        return float(value)
    until = _moment(value)
    if until is not None:
        return (until - now).total_seconds()
    parts = [part.strip() for part in value.split(",")]
    if len(parts) > 1 and all(NUMBER.fullmatch(part) for part in parts):  # two headers joined by a proxy
        return max(map(float, parts))
    return None


def _moment(value: str) -> datetime | None:
    """Read a date in any of HTTP's forms; one after the year 9999 is the last day of it."""
    found = parsedate_tz(value)
    if found is None:
        return None
    try:
        if found[0] > MAXYEAR:
            return DISTANT
        return datetime.fromtimestamp(datetime(*found[:6], tzinfo=UTC).timestamp() - (found[9] or 0), UTC)
    except (ValueError, OverflowError, OSError):
        return None
