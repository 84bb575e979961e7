"""Personal spaces as residents' web apps read them, published together with their events."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from schemas.events import Event
from schemas.space import HeldState, Space
from worker.live.epoch import Epoch
from worker.live.events import STREAM_LENGTH
from worker.live.keyspace import UNAVAILABLE, Keyspace

UNDER_WAY_SECONDS = 15
DROPPED_AT_ONCE = 5_000

# A document replaces only an older one. Each event goes out once, in order, or not at all. The epoch guards against a
# Redis that has lost data: a writer that does not know the current epoch has read the truth too long ago.
_PUBLISH = """
local epoch, version, document, ends, base, first = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[5], tonumber(ARGV[6]),
    tonumber(ARGV[7])
if redis.call('GET', KEYS[2]) ~= epoch then return 'epoch' end
local known = base
local published = redis.call('GET', KEYS[4])
if published then
    local its_epoch, its_version = string.match(published, '(%d+):(%d+)')
    if its_epoch == epoch then known = math.max(base, tonumber(its_version)) end
end
if first > known + 1 then return 'gap' end
for i = 10, #ARGV do
    if first + i - 10 > known then
        redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[9], '*', 'event', ARGV[i])
        redis.call('PUBLISH', ARGV[8], ARGV[i])
    end
end
if version >= known then
    if document == '' then redis.call('UNLINK', KEYS[1]) else redis.call('SET', KEYS[1], document, ARGV[4], ends) end
    redis.call('SET', KEYS[4], epoch .. ':' .. version, 'EX', 172800)
end
return 'published'
"""

_UNDER_WAY = (HeldState.SENDING, HeldState.REMOVING)


class PublishOutcome(StrEnum):
    """The outcome of a publication."""

    PUBLISHED = "published"
    EPOCH = "epoch"  # Redis is in another epoch than the document
    GAP = "gap"  # an earlier change of this resident is committed, but not yet published


@dataclass(frozen=True, slots=True)
class Publication:
    """One resident's change: the new document (None: drop the old one) and its events.

    `published_version` is the version published according to the database. Events must follow it, or the version that
    Redis shows, without a gap.
    """

    resident_id: str
    epoch: int
    version: int
    published_version: int
    space: Space | None
    events: Sequence[Event]


class Spaces:
    """One document for each resident, and the versions published to consumers."""

    def __init__(self, keyspace: Keyspace, epoch: Epoch, zone: ZoneInfo) -> None:
        self._keyspace = keyspace
        self._epoch = epoch
        self._zone = zone
        self._script = keyspace.client.register_script(_PUBLISH)

    def publish(self, publications: Sequence[Publication]) -> list[PublishOutcome]:
        """Publish changes in one round trip, with retries for seconds while Redis is unavailable.

        Raises:
            redis.RedisError: Redis stayed unavailable.
        """

        def once() -> list[PublishOutcome]:
            if len(publications) == 1:  # a pipeline would first ask whether the script is loaded
                keys, arguments = self._call(publications[0])
                return [PublishOutcome(self._script(keys, arguments).decode())]
            pipeline = self._keyspace.client.pipeline(transaction=False)
            for publication in publications:
                keys, arguments = self._call(publication)
                self._script(keys, arguments, pipeline)
            return [PublishOutcome(outcome.decode()) for outcome in pipeline.execute()]

        return _patiently()(once)

    def drop(self, resident_ids: Collection[str]) -> None:
        """Drop outdated documents; the next reader has them remade."""
        if resident_ids:
            self._keyspace.client.unlink(*(self._keyspace.key(f"space:{resident_id}") for resident_id in resident_ids))

    def drop_other_epochs(self, epoch: int) -> None:
        """Drop the documents of all other epochs; an interrupted run can be repeated."""
        cursor = None
        while cursor != 0:
            cursor, keys = self._keyspace.client.scan(
                cursor or 0, match=self._keyspace.key("space:*"), count=DROPPED_AT_ONCE
            )
            documents: list[Any] = self._keyspace.client.mget(keys) if keys else []
            of_others = [
                key for key, document in zip(keys, documents, strict=True) if document and not _is_of(epoch, document)
            ]
            if of_others:
                self._keyspace.client.unlink(*of_others)

    def published_versions(self, resident_ids: Sequence[str]) -> dict[str, int]:
        """Return the versions up to which residents' events were published in this epoch, according to Redis."""
        published: list[Any] = self._keyspace.client.mget(
            [self._keyspace.key(f"published:{resident_id}") for resident_id in resident_ids]
        )
        positions = {
            resident_id: tuple(map(int, position.split(b":")))
            for resident_id, position in zip(resident_ids, published, strict=True)
            if position is not None
        }
        return {
            resident_id: version for resident_id, (epoch, version) in positions.items() if epoch == self._epoch.known
        }

    def _call(self, publication: Publication) -> tuple[list[str], list[str | int]]:
        resident_id, events = publication.resident_id, publication.events
        keys = (f"space:{resident_id}", "epoch", "events", f"published:{resident_id}")
        return [self._keyspace.key(key) for key in keys], [
            publication.epoch,
            publication.version,
            publication.space.model_dump_json() if publication.space else "",
            *self._end(publication.space),
            publication.published_version,
            events[0].sequence if events else 0,
            self._keyspace.key(f"watch:{resident_id}"),
            STREAM_LENGTH,
            *(event.model_dump_json() for event in events),
        ]

    def _end(self, space: Space | None) -> tuple[str, int]:
        """Return when a document expires: at the end of its day, or soon while a share is under way.

        A share may settle without an event: the lane then drops the document, and a reader may have it stored again
        from just before. Only the expiry ends that.
        """
        if space is None:
            return "EX", 1
        if any(state.state in _UNDER_WAY for state in (*space.consent.providers, *space.public_task)):
            return "EX", UNDER_WAY_SECONDS
        midnight = datetime.combine(space.as_of + timedelta(days=1), time(0), self._zone)
        return "EXAT", int(midnight.timestamp())


def _is_of(epoch: int, document: bytes) -> bool:
    return f'"epoch":{epoch},'.encode() in document


def _patiently() -> Retrying:
    return Retrying(
        retry=retry_if_exception_type(UNAVAILABLE),
        stop=stop_after_delay(3),
        wait=wait_random_exponential(multiplier=0.02, max=0.5),
        reraise=True,
    )
