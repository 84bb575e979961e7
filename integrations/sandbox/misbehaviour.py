"""What a provider can be told to do wrong, for how many requests, how often or how long."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The ways to go wrong."""

    DOWN = "down"  # 503, not applied
    THROTTLED = "throttled"  # 429, not applied
    ERROR_BEFORE = "error_before"  # 500, not applied
    ERROR_AFTER = "error_after"  # 500, applied
    HANG = "hang"  # no answer; applied after `delay_ms`, never without one
    RESET_BEFORE = "reset_before"  # connection reset, not applied
    RESET_AFTER = "reset_after"  # connection reset, applied
    LATE = "late"  # 504 at once, applied after `delay_ms`
    SLOW = "slow"  # right, but answered after `delay_ms`
    HTML = "html"  # 200 with a page, not applied
    TRUNCATED = "truncated"  # applied, but the answer's JSON ends half way
    REDIRECT = "redirect"  # 307 to another host, not applied
    LARGE = "large"  # an answer of more than 1 MB, applied


APPLIED_AT_ONCE = frozenset({Kind.ERROR_AFTER, Kind.RESET_AFTER, Kind.TRUNCATED, Kind.LARGE, Kind.SLOW})
APPLIED_LATER = frozenset({Kind.HANG, Kind.LATE})


ROUNDING = 1e-9  # ten times 0.1 is a little less than 1


@dataclass(slots=True)
class Misbehaviour:
    """One order to go wrong; it lapses when it has been followed `left` times or at `until`.

    `rate` is the part of the requests that suffer, spread evenly; `method` limits it to PUT or DELETE; `until` is in
    seconds of the monotonic clock; `retry_after` goes out as it is, be it seconds or a date.
    """

    kind: Kind
    left: int | None = None
    rate: float = 1.0
    until: float | None = None
    method: str | None = None
    delay_ms: float | None = None
    retry_after: str | None = None
    _due: float = 0.0

    def lapsed(self, now: float) -> bool:
        """Tell whether it is over."""
        return self.left == 0 or (self.until is not None and now >= self.until)

    def strikes(self, method: str) -> bool:
        """Tell whether this request suffers, and count it."""
        if self.method not in {None, method}:
            return False
        self._due += self.rate
        if self._due < 1.0 - ROUNDING:
            return False
        self._due -= 1.0
        if self.left is not None:
            self.left -= 1
        return True


def parse(order: object, now: float) -> Misbehaviour:
    """Read an order from a JSON document: kind, count, rate, seconds, method, delay_ms, retry_after.

    Raises:
        ValueError: it is none.
    """
    known = {"kind", "count", "rate", "seconds", "method", "delay_ms", "retry_after"}
    if not isinstance(order, dict) or not order.keys() <= known or "kind" not in order:
        raise ValueError(f"an order is an object of {', '.join(sorted(known))}; kind is needed")
    try:
        count, seconds, delay = order.get("count"), order.get("seconds"), order.get("delay_ms")
        found = Misbehaviour(
            kind=Kind(order["kind"]),
            left=None if count is None else int(count),
            rate=float(order.get("rate") or 1.0),
            until=None if seconds is None else now + float(seconds),
            method=order.get("method"),
            delay_ms=None if delay is None else float(delay),
            retry_after=order.get("retry_after"),
        )
    except TypeError as error:
        raise ValueError(str(error)) from None
    if not 0 < found.rate <= 1 or (found.left is not None and found.left < 1) or (found.delay_ms or 0) < 0:
        raise ValueError("rate is in (0, 1], count at least 1, delay_ms not negative")
    if found.method not in (None, "PUT", "DELETE") or not isinstance(found.retry_after, str | None):
        raise ValueError("method is PUT or DELETE, retry_after a text")
    return found
