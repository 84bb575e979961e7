"""Orders to misbehave: the kinds, and for which requests and how long."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from integrations.sandbox.records import Reply, Sent


class Kind(StrEnum):
    """The kinds of misbehaviour."""

    DOWN = "down"  # 503, not applied
    THROTTLED = "throttled"  # 429, not applied
    ERROR_BEFORE = "error_before"  # 500, not applied
    ERROR_AFTER = "error_after"  # 500, applied
    HANG = "hang"  # no answer; applied after `delay_ms`, never without one
    RESET_BEFORE = "reset_before"  # connection reset, not applied
    RESET_AFTER = "reset_after"  # connection reset, applied
    LATE = "late"  # 504 at once, applied after `delay_ms`
    SLOW = "slow"  # a correct answer after `delay_ms`
    BUSY = "busy"  # correct, but `at_once` are served at a time, each for `delay_ms`; the rest wait, abandoned or not
    TRICKLE = "trickle"  # correct, but byte by byte, over `delay_ms`
    HTML = "html"  # 200 with a page of HTML, not applied
    TRUNCATED = "truncated"  # applied, with half of the answer's JSON
    REDIRECT = "redirect"  # 307 to another host, not applied
    LARGE = "large"  # applied, with an answer of more than 1 MB
    # for some providers only
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - no password; 401, and every token is revoked
    EXPIRED_CERTIFICATE = "expired_certificate"  # shown in new handshakes; open connections are closed
    PARTIAL_BATCH = "partial_batch"  # 500, the first half of the rows is applied
    ROW_MISSING = "row_missing"  # all rows are applied, the last one is missing from the answer
    LOST_OPERATION = "lost_operation"  # carried out, but unknown when asked about
    LATE_OPERATION = "late_operation"  # carried out after `delay_ms`


APPLIED_AT_ONCE = frozenset({Kind.ERROR_AFTER, Kind.RESET_AFTER, Kind.TRUNCATED, Kind.LARGE, Kind.SLOW, Kind.TRICKLE})
APPLIED_LATER = frozenset({Kind.HANG, Kind.LATE})
FOR_BATCHES = frozenset({Kind.PARTIAL_BATCH, Kind.ROW_MISSING})
FOR_OPERATIONS = frozenset({Kind.LOST_OPERATION, Kind.LATE_OPERATION})
THEIR_OWN = FOR_BATCHES | FOR_OPERATIONS | {Kind.EXPIRED_TOKEN}  # the provider itself changes its reply

METHODS = (None, "GET", "POST", "PUT", "PATCH", "DELETE")
ROUNDING = 1e-9  # ten times 0.1 is a little less than 1


@dataclass(slots=True)
class Misbehaviour:
    """One order to misbehave; it ends after `left` requests or at `until`.

    `rate` is the part of the requests that it applies to, spread evenly; `method` and the path's prefix limit them.
    `until` is in seconds of the monotonic clock; `retry_after` is sent unchanged, as seconds or a date.
    """

    kind: Kind
    left: int | None = None
    rate: float = 1.0
    until: float | None = None
    method: str | None = None
    path: str = "/"
    delay_ms: float | None = None
    retry_after: str | None = None
    at_once: int = 1
    _due: float = 0.0
    _served: asyncio.Semaphore | None = None

    async def serve(self, milliseconds: float) -> None:
        """Wait for a request's turn, then for its duration."""
        if self._served is None:
            self._served = asyncio.Semaphore(self.at_once)
        async with self._served:
            await asyncio.sleep(milliseconds / 1000)

    def has_ended(self, now: float) -> bool:
        """Return whether the order has ended."""
        return self.left == 0 or (self.until is not None and now >= self.until)

    def applies(self, sent: Sent, reply: Reply) -> bool:
        """Return whether the order applies to a request, and count it."""
        if (
            (self.method is not None and self.method != sent.method)
            or not sent.path.startswith(self.path)
            or (self.kind in FOR_BATCHES and not reply.rows)
            or (self.kind in FOR_OPERATIONS and reply.effect is None)
            or self.kind is Kind.EXPIRED_CERTIFICATE
        ):
            return False
        return self.counts()

    def counts(self) -> bool:
        """Return whether it is the turn of a matching request, and count it."""
        self._due += self.rate
        if self._due < 1.0 - ROUNDING:
            return False
        self._due -= 1.0
        if self.left is not None:
            self.left -= 1
        return True


def parse(order: object, now: float) -> Misbehaviour:
    """Read an order from a JSON document: kind, count, rate, seconds, method, path, delay_ms, retry_after, at_once.

    Raises:
        ValueError: the order is invalid.
    """
    known = {"kind", "count", "rate", "seconds", "method", "path", "delay_ms", "retry_after", "at_once"}
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
            path=order.get("path") or "/",
            delay_ms=None if delay is None else float(delay),
            retry_after=order.get("retry_after"),
            at_once=int(order.get("at_once") or 1),
        )
    except TypeError as error:
        raise ValueError(str(error)) from None
    if found.at_once < 1:
        raise ValueError("at_once is at least 1")
    if not 0 < found.rate <= 1 or (found.left is not None and found.left < 1) or (found.delay_ms or 0) < 0:
        raise ValueError("rate is in (0, 1], count at least 1, delay_ms not negative")
    if found.method not in METHODS or not isinstance(found.retry_after, str | None):
        raise ValueError("method is one of HTTP's, retry_after a text")
    if not isinstance(found.path, str) or not found.path.startswith("/"):
        raise ValueError("path begins with a slash")
    return found
