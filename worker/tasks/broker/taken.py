"""Messages that a worker has taken and not yet acknowledged, noted on the server in the step that takes them.

kombu pops a message first and notes it later: a worker killed in between loses it. Here each step is one script. A
script may run twice, as redis-py repeats a command after a lost connection, so the second run does the same. The note
is the item's own bytes, unread, after the name of its queue and a line feed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import redis

# The item is noted before it is popped: a script that fails half way leaves it on its queue. A key that is no list is
# skipped, so that it stops no other queue. Each script that stores something begins with a write that takes no memory:
# after it, a full server accepts the later writes, and so the queues that filled it are emptied.
# KEYS: entries, index, then the lists in the order to look. ARGV: tag, now, then the name of each list's queue.
_TAKE = """
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held then return held end
for i = 3, #KEYS do
  local last = redis.pcall('LRANGE', KEYS[i], -1, -1)
  if last.err and not string.find(last.err, 'WRONGTYPE', 1, true) then return last end
  local item = last[1]
  if item then
    local entry = ARGV[i] .. '\\n' .. item
    redis.call('ZREM', KEYS[2], ARGV[1])
    redis.call('HSET', KEYS[1], ARGV[1], entry)
    redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
    redis.call('RPOP', KEYS[i])
    return entry
  end
end
return false
"""

# Returns an entry whose queue cannot be read, and leaves it in place.
# KEYS: entries, index. ARGV: tag, prefix of the list, command, and optionally another item to put back.
_PUT_BACK = """
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if entry then
  local queue, item = string.match(entry, '^([%w._-]+)\\n(.*)$')
  if not queue then return entry end
  redis.call('HDEL', KEYS[1], '')
  redis.call(ARGV[3], ARGV[2] .. queue, ARGV[4] or item)
  redis.call('HDEL', KEYS[1], ARGV[1])
end
redis.call('ZREM', KEYS[2], ARGV[1])
return false
"""

# KEYS: entries, index. ARGV: tag.
_DROP = """
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
"""


@dataclass(frozen=True, slots=True)
class Source:
    """A list to take from, and the queue that it belongs to."""

    key: str
    queue: str


class TakenMessages:
    """The messages that all workers of one installation have taken, by tag."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._keys = (f"{prefix}taken", f"{prefix}taken_index")
        self._take = client.register_script(_TAKE)
        self._put_back = client.register_script(_PUT_BACK)
        self._drop = client.register_script(_DROP)

    def take(self, tag: str, now: float, sources: Sequence[Source]) -> tuple[str, bytes] | None:
        """Take the next message of the first list that has one; return its queue and its bytes."""
        keys = [*self._keys, *(self._prefix + source.key for source in sources)]
        entry = self._take(keys, [tag, now, *(source.queue for source in sources)])
        if entry is None:
            return None
        queue, _, item = entry.partition(b"\n")
        return queue.decode(), item

    def put_back_first(self, tag: str | bytes) -> bytes | None:
        """Make a message the next of its queue again; return its entry if it names no queue."""
        return self._restored([tag, self._prefix, "RPUSH"])

    def put_back_last(self, tag: str, item: bytes) -> bytes | None:
        """Put `item` last on its message's queue; return the entry if it names no queue."""
        return self._restored([tag, self._prefix, "LPUSH", item])

    def drop(self, tag: str | bytes) -> None:
        """Drop a message that is done."""
        self._drop(self._keys, [tag])

    def since_before(self, moment: float) -> list[bytes]:
        """Return the tags of messages taken before a moment, the latest first."""
        tags = self._client.zrange(self._keys[1], moment, "-inf", desc=True, byscore=True)
        return cast("list[bytes]", tags)

    def _restored(self, arguments: list[str | bytes]) -> bytes | None:
        unreadable: bytes | None = self._put_back(self._keys, arguments)
        return unreadable
