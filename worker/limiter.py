"""How many requests a provider may be sent now: one count for all workers, kept in Redis.

GCRA (the generic cell rate algorithm): for each limit one number, the time at which all requests taken are paid off. A
tenth of a limit may go at once and the rest is spread, so that no span of the limit's length sees more than the limit.
Half of that tenth is kept for urgent requests.

Existing limiters grant a number whole or not at all. A claim takes as many as there are, under several limits, in one
round trip, and gives back those that it does not use.
"""

import time
from collections.abc import Sequence

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.base import Limit

log = structlog.get_logger()

AT_ONCE = 0.1  # the part of a limit that may go in one burst
KEPT = 0.5  # the part of the burst that is kept for urgent requests
ALONE = 0.1  # the part of a limit for one process while Redis is unavailable: ten processes keep within the limit
ALONE_SECONDS = 5.0  # until Redis is tried again
REDIS_SECONDS = 0.2  # for an answer, while requests to the provider wait

_TAKE = """
local seconds = redis.call('TIME')
local now = seconds[1] + seconds[2] / 1000000
local granted = tonumber(ARGV[1])
local paid = {}
for i, key in ipairs(KEYS) do
    local interval, burst, span = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
    paid[i] = math.max(tonumber(redis.call('GET', key) or 0), now)
    if paid[i] > now + span + 1 then paid[i] = now end -- nothing is paid off later: the clock was set back
    granted = math.min(granted, math.floor((now + burst * interval - paid[i]) / interval + 0.000001))
end
if granted <= 0 then return 0 end
for i, key in ipairs(KEYS) do
    local ends = paid[i] + granted * tonumber(ARGV[3 * i - 1])
    redis.call('SET', key, string.format('%.6f', ends), 'PX', math.ceil((ends - now) * 1000) + 1000)
end
return granted
"""
_GIVE_BACK = """
for i, key in ipairs(KEYS) do
    local ends = redis.call('GET', key)
    if ends then redis.call('SET', key, string.format('%.6f', ends - ARGV[i]), 'KEEPTTL') end
end
"""


def spread(limit: Limit, part: float = 1.0) -> tuple[float, float]:
    """Return the seconds between two requests, and how many may go at once, for a part of a limit."""
    count = limit.count * part
    burst = max(1.0, count * AT_ONCE)
    # A part may be less than one request in a span: the interval is then longer than the span.
    return limit.seconds / max(count - burst, min(count, 1.0)), burst


class Limiter:
    """The limits of one provider."""

    def __init__(self, redis_url: str, prefix: str, provider: str, limits: Sequence[Limit]) -> None:
        """Prepare without connecting."""
        client = redis.Redis.from_url(
            redis_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, retry=Retry(NoBackoff(), 0)
        )
        self._provider = provider
        self._spread = [(*spread(limit), limit.seconds) for limit in limits]
        self._keys = [f"{prefix}limit:{provider}:{limit.count}:{limit.seconds:g}" for limit in limits]
        self._take = client.register_script(_TAKE)
        self._give_back = client.register_script(_GIVE_BACK)
        self._alone = [spread(limit, ALONE) for limit in limits]
        self._paid = [0.0] * len(limits)
        self._alone_until = 0.0

    def take(self, wanted: int, *, urgent: bool) -> int:
        """Take up to `wanted` requests; return how many may be sent now."""
        if not self._keys:
            return wanted
        kept = 0.0 if urgent else KEPT
        if time.monotonic() < self._alone_until:
            return self._take_alone(wanted, kept)
        arguments = [
            number for interval, burst, span in self._spread for number in (interval, _burst(burst, kept), span)
        ]
        try:
            return int(self._take(self._keys, [wanted, *arguments]))
        except redis.RedisError as error:
            self._go_alone(error)
            return self._take_alone(wanted, kept)

    def give_back(self, unused: int) -> None:
        """Give back requests that were taken and will not be sent."""
        if not self._keys or unused == 0:
            return
        if time.monotonic() < self._alone_until:
            self._paid = [paid - unused * interval for paid, (interval, _) in zip(self._paid, self._alone, strict=True)]
            return
        try:
            self._give_back(self._keys, [unused * interval for interval, _, _ in self._spread])
        except redis.RedisError as error:
            self._go_alone(error)

    def _take_alone(self, wanted: int, kept: float) -> int:
        now, granted = time.monotonic(), wanted
        self._paid = [max(paid, now) for paid in self._paid]
        for paid, (interval, burst) in zip(self._paid, self._alone, strict=True):
            granted = min(granted, int((now + _burst(burst, kept) * interval - paid) / interval + 1e-6))
        granted = max(granted, 0)
        self._paid = [paid + granted * interval for paid, (interval, _) in zip(self._paid, self._alone, strict=True)]
        return granted

    def _go_alone(self, error: redis.RedisError) -> None:
        self._alone_until = time.monotonic() + ALONE_SECONDS
        log.warning("limiter.redis_unavailable", provider=self._provider, error=type(error).__name__)


def _burst(burst: float, kept: float) -> float:
    return max(1.0, burst * (1 - kept))
