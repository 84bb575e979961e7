"""How long a provider wants to be left alone."""

import re
from datetime import MAXYEAR, UTC, datetime
from email.utils import parsedate_tz

import httpx

LONGEST_RETRY_AFTER = 3_600.0  # seconds; a mistake in a header must hold back no withdrawal for longer

NUMBER = re.compile(r"\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE | re.ASCII)
DISTANT = datetime.max.replace(tzinfo=UTC)


def retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds that an answer asks for, the most if it says several; None when it asks for none.

    A number that is no whole one is read too, as it says more than nothing. A date that is past asks for 0 seconds.
    """
    now = _moment(headers.get("date", "")) or datetime.now(UTC)  # their own clock, so that a wrong one does not matter
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
    if len(parts) > 1 and all(NUMBER.fullmatch(part) for part in parts):  # as proxies join two headers
        return max(map(float, parts))
    return None


def _moment(value: str) -> datetime | None:
    """Read a date in any of the forms of HTTP; one beyond our calendar is its end."""
    found = parsedate_tz(value)
    if found is None:
        return None
    try:
        if found[0] > MAXYEAR:
            return DISTANT
        return datetime.fromtimestamp(datetime(*found[:6], tzinfo=UTC).timestamp() - (found[9] or 0), UTC)
    except (ValueError, OverflowError, OSError):
        return None
