"""How many requests a provider may be sent now: one count for all workers, kept in Redis.

GCRA (the generic cell rate algorithm): for each limit one number, the time at which all requests taken are paid off. A
tenth of a limit may go at once and the rest is spread, so that no span of the limit's length sees more than the limit.
Half of that tenth is kept for urgent requests.

Existing limiters grant a number whole or not at all. A claim takes as many as there are, under several limits, in one
round trip, and gives back those that it does not use.
"""

import time
from collections.abc import Sequence

from integrations.base import Limit
from worker.quick_redis import QuickRedis

AT_ONCE = 0.1  # the part of a limit that may go in one burst
KEPT = 0.5  # the part of the burst that is kept for urgent requests
ALONE = 0.1  # the part of a limit for one process while Redis is unavailable: ten processes keep within the limit

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
return 1
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
        self._redis = QuickRedis(redis_url, f"limiter {provider}")
        self._spread = [(*spread(limit), limit.seconds) for limit in limits]
        self._keys = [f"{prefix}limit:{provider}:{limit.count}:{limit.seconds:g}" for limit in limits]
        self._take = self._redis.client.register_script(_TAKE)
        self._give_back = self._redis.client.register_script(_GIVE_BACK)
        self._alone = [spread(limit, ALONE) for limit in limits]
        self._paid = [0.0] * len(limits)

    def take(self, wanted: int, *, urgent: bool) -> int:
        """Take up to `wanted` requests; return how many may be sent now."""
        if not self._keys:
            return wanted
        kept = 0.0 if urgent else KEPT
        arguments = [
            number for interval, burst, span in self._spread for number in (interval, _burst(burst, kept), span)
        ]
        granted = self._redis.ask(lambda: int(self._take(self._keys, [wanted, *arguments])))
        return self._take_alone(wanted, kept) if granted is None else granted

    def give_back(self, unused: int) -> None:
        """Give back requests that were taken and will not be sent."""
        if not self._keys or unused == 0:
            return
        intervals = [unused * interval for interval, _, _ in self._spread]
        if self._redis.ask(lambda: self._give_back(self._keys, intervals)) is None:
            self._paid = [paid - unused * interval for paid, (interval, _) in zip(self._paid, self._alone, strict=True)]

    def _take_alone(self, wanted: int, kept: float) -> int:
        now, granted = time.monotonic(), wanted
        self._paid = [max(paid, now) for paid in self._paid]
        for paid, (interval, burst) in zip(self._paid, self._alone, strict=True):
            granted = min(granted, int((now + _burst(burst, kept) * interval - paid) / interval + 1e-6))
        granted = max(granted, 0)
        self._paid = [paid + granted * interval for paid, (interval, _) in zip(self._paid, self._alone, strict=True)]
        return granted


def _burst(burst: float, kept: float) -> float:
    return max(1.0, burst * (1 - kept))
