"""What Redis shows and carries between processes: personal spaces, live events, and the wake-ups of drains.

Nothing here is the truth: all of it can be lost at any moment and is made again from the database.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import redis
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from schemas.catalogue import Catalogue
from schemas.events import Event, ProviderEvent
from schemas.history import History
from schemas.plate_read import PlateRead
from schemas.space import HeldState, Space

STREAM_LENGTH = 100_000  # events kept for consumers that were away; the database has them all
WAKE_UP_SECONDS = 10  # a lost wake-up silences its lane no longer than this
EXPORT_SECONDS = 900
HISTORY_SECONDS = PLATE_SECONDS = 30  # the client that asked reads it at once
CATALOGUE_SECONDS = 300  # changed tariffs are shown this much later at most
UNDER_WAY_SECONDS = 60
DROPPED_AT_ONCE = 5_000

# A document replaces an older one only; events go out once each, in order, or not at all. The epoch stands guard over
# what Redis itself has forgotten: a writer that does not know the current one has read the truth too long ago.
_PUBLISH = """
local epoch, version, document, ends, base, first = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[5], tonumber(ARGV[6]),
    tonumber(ARGV[7])
if redis.call('GET', KEYS[2]) ~= epoch then return 'epoch' end
local known = base
local told = redis.call('GET', KEYS[4])
if told then
    local told_epoch, told_version = string.match(told, '(%d+):(%d+)')
    if told_epoch == epoch then known = math.max(base, tonumber(told_version)) end
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


AWAY = (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError, redis.OutOfMemoryError)
"""What is raised while Redis is out of reach, failing over or full; the same may succeed later."""

_UNDER_WAY = (HeldState.SENDING, HeldState.REMOVING)


class Answer(StrEnum):
    """What became of a publication."""

    PUBLISHED = "published"
    EPOCH = "epoch"  # Redis has lost or left the epoch that the document was made in
    GAP = "gap"  # an earlier change of this resident is committed, but not published yet


@dataclass(frozen=True, slots=True)
class Publication:
    """One resident's change: the new document (None: drop the old one) and the events that led to it.

    `published_version` is what the database knows to be published; events must follow it, or what Redis shows, without
    a gap.
    """

    resident_id: str
    epoch: int
    version: int
    published_version: int
    space: Space | None
    events: Sequence[Event]


class Live:
    """Redis, as the hub uses it beside the queues."""

    def __init__(self, client: redis.Redis, prefix: str, zone: ZoneInfo) -> None:
        self.client = client
        self.epoch = 0  # the one that this process knows; documents carry it
        self._prefix = prefix
        self._zone = zone
        self._publish = client.register_script(_PUBLISH)

    def key(self, name: str) -> str:
        """Return a key below the hub's prefix."""
        return self._prefix + name

    def read_epoch(self) -> int | None:
        """Return the epoch that Redis knows; None when it has lost it."""
        value = self.client.get(self.key("epoch"))
        return None if value is None else int(value)

    def start_epoch(self, epoch: int) -> None:
        """Start an epoch: documents of any other are no longer written."""
        self.client.set(self.key("epoch"), epoch)
        self.epoch = epoch

    def run_id(self) -> str:
        """Return the identity of the running Redis process; a new one may have lost or restored data."""
        return str(self.client.info("server")["run_id"])

    def publish(self, publications: Sequence[Publication]) -> list[Answer]:
        """Publish changes in one round trip; tried for seconds when Redis is away.

        Raises:
            redis.RedisError: Redis stayed away.
        """

        def once() -> list[Answer]:
            if len(publications) == 1:  # a pipeline would ask first whether the script is there
                keys, arguments = self._call(publications[0])
                return [Answer(self._publish(keys, arguments).decode())]
            pipeline = self.client.pipeline(transaction=False)
            for publication in publications:
                keys, arguments = self._call(publication)
                self._publish(keys, arguments, pipeline)
            return [Answer(answer.decode()) for answer in pipeline.execute()]

        return _patiently()(once)

    def tell(self, events: Sequence[ProviderEvent]) -> None:
        """Publish events about providers to whoever reads the stream."""
        pipeline = self.client.pipeline(transaction=False)
        for event in events:
            pipeline.xadd(
                self.key("events"), {"event": event.model_dump_json()}, maxlen=STREAM_LENGTH, approximate=True
            )
        pipeline.execute()

    def forget_spaces(self, resident_ids: Collection[str]) -> None:
        """Drop documents that no longer hold; the next reader has them made anew."""
        if resident_ids:
            self.client.unlink(*(self.key(f"space:{resident_id}") for resident_id in resident_ids))

    def drop_spaces(self, epoch: int) -> None:
        """Drop the documents of every other epoch; what is dropped stays dropped if this is interrupted."""
        cursor = None
        while cursor != 0:
            cursor, keys = self.client.scan(cursor or 0, match=self.key("space:*"), count=DROPPED_AT_ONCE)
            documents: list[Any] = self.client.mget(keys) if keys else []
            of_others = [
                key for key, document in zip(keys, documents, strict=True) if document and not _is_of(epoch, document)
            ]
            if of_others:
                self.client.unlink(*of_others)

    def told_versions(self, resident_ids: Sequence[str]) -> dict[str, int]:
        """Return the versions up to which residents' events were published in this epoch, as far as Redis knows."""
        told: list[Any] = self.client.mget([self.key(f"told:{resident_id}") for resident_id in resident_ids])
        positions = {
            resident_id: tuple(map(int, position.split(b":")))
            for resident_id, position in zip(resident_ids, told, strict=True)
            if position is not None
        }
        return {resident_id: version for resident_id, (epoch, version) in positions.items() if epoch == self.epoch}

    def begin_wake_ups(self, providers: Sequence[str]) -> list[str]:
        """Note that drains are being woken; return the providers for which none is on its way already."""
        pipeline = self.client.pipeline(transaction=False)
        for provider in providers:
            pipeline.set(self.key(f"wake_up:{provider}"), 1, nx=True, ex=WAKE_UP_SECONDS)
        return [provider for provider, begun in zip(providers, pipeline.execute(), strict=True) if begun]

    def end_wake_up(self, provider: str) -> None:
        """Note that a drain is about to look: from now on, a change needs a new wake-up."""
        self.client.unlink(self.key(f"wake_up:{provider}"))

    def put_export(self, resident_id: str, job_id: UUID, document: str) -> None:
        """Keep an export for a short while, for upstream to fetch."""
        self._put(resident_id, f"export:{job_id}", document, EXPORT_SECONDS)

    def put_history(self, task_id: UUID, history: History) -> None:
        """Keep a history under the id of the task that asked for it, for a short while."""
        self._put(history.resident_id, f"history:{task_id}", history.model_dump_json(), HISTORY_SECONDS)

    def forget_asked_for(self, resident_id: str) -> None:
        """Drop a resident's exports and histories that are still there."""
        listed = self.key(f"asked-for:{resident_id}")
        names: set[Any] = self.client.smembers(listed)
        self.client.unlink(listed, *(self.key(name.decode()) for name in names))

    def forget_residents(self, resident_ids: Collection[str]) -> None:
        """Drop all documents about residents; the next reader has them made again."""
        self.forget_spaces(resident_ids)
        for resident_id in resident_ids:
            self.forget_asked_for(resident_id)

    def put_plate(self, task_id: UUID, plate: PlateRead) -> None:
        """Keep a plate under the id of the task that asked for it, for a short while."""
        self.client.set(self.key(f"plate:{task_id}"), plate.model_dump_json(), ex=PLATE_SECONDS)

    def put_catalogue(self, catalogue: Catalogue) -> None:
        """Keep the catalogue for whoever reads it, until it is asked for again."""
        self.client.set(self.key("catalogue"), catalogue.model_dump_json(), ex=CATALOGUE_SECONDS)

    def _put(self, resident_id: str, name: str, document: str, seconds: int) -> None:
        """Keep a document for a short while, and its name for an erasure, together."""
        listed = self.key(f"asked-for:{resident_id}")
        pipeline = self.client.pipeline()
        pipeline.set(self.key(name), document, ex=seconds)
        pipeline.sadd(listed, name)
        pipeline.expire(listed, EXPORT_SECONDS)
        pipeline.execute()

    def _call(self, publication: Publication) -> tuple[list[str], list[str | int]]:
        resident_id, events = publication.resident_id, publication.events
        keys = (f"space:{resident_id}", "epoch", "events", f"told:{resident_id}")
        return [self.key(key) for key in keys], [
            publication.epoch,
            publication.version,
            publication.space.model_dump_json() if publication.space else "",
            *self._end(publication.space),
            publication.published_version,
            events[0].sequence if events else 0,
            self.key(f"watch:{resident_id}"),
            STREAM_LENGTH,
            *(event.model_dump_json() for event in events),
        ]

    def _end(self, space: Space | None) -> tuple[str, int]:
        """Return when a document ends: with the day that it holds for, or soon while something is under way.

        What is under way may end without an event, and then nothing but the end of the document shows it.
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
        retry=retry_if_exception_type(AWAY),
        stop=stop_after_delay(3),
        wait=wait_random_exponential(multiplier=0.02, max=0.5),
        reraise=True,
    )
