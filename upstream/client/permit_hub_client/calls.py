"""Everything that a web app asks of the hub, each written once: awaited as it is, or driven by `blocking.py`."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import redis

from permit_hub_client.documents import Catalogue, History, PlateRead, Space
from permit_hub_client.errors import HubFailed, HubUnavailable, InvalidJob, ReceiptTimeout
from permit_hub_client.job import MAX_JOB_BYTES, QUEUES, SCHEMA_VERSION, Job, write
from permit_hub_client.message import Result, list_item, read_result, result_name
from permit_hub_client.receipt import Receipt
from permit_hub_client.watch import AsyncWatch
from permit_hub_client.wire import Subscription, Wire

SPACE_TASK, HISTORY_TASK, CATALOGUE_TASK = "space.publish", "space.history", "space.catalogue"
PLATE_TASK = "space.plate"
_ASKING_QUEUE = "jobs"
_SEND_AGAIN_SECONDS = {"consent": 2.0, "jobs": 2.0, "bulk": 10.0}  # then after twice as long, and so on
_LOOK_AGAIN_SECONDS = 1.0  # an announcement can be lost with a connection: look at the key itself this often


class Calls:
    """A hub's calls, to be awaited: those of `Hub`, with the same names and arguments.

    They may be used from several event loops; each has connections of its own.
    """

    def __init__(self, wire: Wire, source: str, prefix: str) -> None:
        self._wire = wire
        self._source = source
        self._prefix = prefix

    def job(self, /, kind: str, **fields: object) -> Job:
        """Write out a job without sending it; `job_id`, `submitted_at` and `source` are filled in unless given.

        UUIDs, dates and aware datetimes may be given as such.

        Raises:
            InvalidJob: unknown kind, no UUID as `job_id`, a value without a form in JSON, or too large as a whole.
        """
        if kind not in QUEUES:
            raise InvalidJob("unknown kind of job")
        envelope = {
            "schema_version": SCHEMA_VERSION,
            "job_id": uuid4(),
            "source": self._source,
            "submitted_at": datetime.now(UTC),
        }
        whole = envelope | fields
        try:
            job_id = UUID(str(whole["job_id"]))
        except ValueError:
            raise InvalidJob("the job_id is no UUID") from None
        try:
            job = Job(kind, job_id, write(whole))
            size = len(job.text.encode())
        except (TypeError, ValueError, RecursionError):
            raise InvalidJob("a field of the job has no form in JSON") from None
        if size > MAX_JOB_BYTES:
            raise InvalidJob(f"the job takes {size} bytes; {MAX_JOB_BYTES} is the most")
        return job

    async def submit(self, /, job: str | Job, *, wait: float = 5.0, **fields: object) -> Receipt:
        """Send a job, by its kind and fields or as made before, and return the hub's receipt.

        A refusal is a receipt too. When none comes for some seconds the same job is sent again, and applied once. To
        send a job again after an error, pass the error's `job`.

        Raises:
            InvalidJob: it cannot be sent.
            HubUnavailable: Redis did not answer; the job may have been sent or not.
            ReceiptTimeout: no receipt within `wait` seconds; the job may still take effect.
            HubFailed: the hub broke down over it.
        """
        ready = self._ready(job, fields)
        deadline = time.monotonic() + wait
        with _reaching(ready):
            result = await self._result(ready.kind, ready.job_id, ready.text, QUEUES[ready.kind], deadline)
        return _receipt(result, ready, wait)

    async def send(self, /, job: str | Job, **fields: object) -> Job:
        """Send a job once, without waiting; pass what is returned to `receipt` to learn what became of it.

        Raises:
            InvalidJob, HubUnavailable: as for `submit`.
        """
        ready = self._ready(job, fields)
        with _reaching(ready):
            await self._push(ready.kind, ready.job_id, ready.text, QUEUES[ready.kind])
        return ready

    async def receipt(self, job: Job, *, wait: float = 5.0) -> Receipt:
        """Wait for the receipt of a job that was sent; the hub keeps receipts for some minutes.

        Nothing is sent again here: when no receipt comes, `submit` the job.

        Raises:
            HubUnavailable, ReceiptTimeout, HubFailed: as for `submit`.
        """
        name = self._prefix + result_name(job.job_id)
        deadline = time.monotonic() + wait
        with _reaching(job):
            async with self._wire.subscribed(name) as subscription:
                result = await self._look(name) or await self._wait(subscription, name, deadline)
        return _receipt(result, job, wait)

    async def space(self, resident_id: str, *, wait: float = 5.0) -> Space | None:
        """Return a resident's personal space, asking the hub for it if need be; None for a resident it does not know.

        Raises:
            HubUnavailable: Redis did not answer.
            ReceiptTimeout: the hub did not publish it within `wait` seconds.
            HubFailed: the hub broke down over it.
        """
        space: Space | None = await self._shown(f"space:{resident_id}", SPACE_TASK, resident_id, wait)
        return space

    async def history(self, resident_id: str, *, wait: float = 5.0) -> History | None:
        """Return what became of a resident's permits and data, as the hub gathers it now; None for an unknown one.

        Raises:
            HubUnavailable, ReceiptTimeout, HubFailed: as for `space`.
        """
        deadline = time.monotonic() + wait
        with _reaching():
            while await self._made(HISTORY_TASK, task_id := uuid4(), resident_id, deadline):
                text = await self._wire.take(f"{self._prefix}history:{task_id}")
                if text is not None:
                    history: History = json.loads(text)
                    return history
        return None

    async def catalogue(self, *, wait: float = 5.0) -> Catalogue:
        """Return the hub's tariffs and providers, asking for them if need be.

        Raises:
            HubUnavailable, ReceiptTimeout, HubFailed: as for `space`.
        """
        catalogue: Catalogue | None = await self._shown("catalogue", CATALOGUE_TASK, None, wait)
        if catalogue is None:
            raise HubFailed("the hub has no catalogue")
        return catalogue

    async def plate(self, raw: str, country: str, *, wait: float = 5.0) -> PlateRead | None:
        """Return a plate as the hub will know it, to show before a job is sent; None for one that it would refuse.

        Raises:
            HubUnavailable, ReceiptTimeout, HubFailed: as for `space`.
        """
        deadline = time.monotonic() + wait
        with _reaching():
            while await self._made(PLATE_TASK, task_id := uuid4(), write({"raw": raw, "country": country}), deadline):
                text = await self._wire.take(f"{self._prefix}plate:{task_id}")
                if text is not None:
                    plate: PlateRead = json.loads(text)
                    return plate
        return None

    async def export(self, job: Job | Receipt) -> dict[str, Any] | None:
        """Return what a `resident.export` that was applied has gathered, by its job or receipt.

        None when it is no longer there: the hub keeps it for a quarter of an hour, and gathers it anew when the same
        job is submitted again.

        Raises:
            HubUnavailable: Redis did not answer.
        """
        with _reaching(job if isinstance(job, Job) else None):
            export: dict[str, Any] | None = await self._document(f"export:{job.job_id}")
        return export

    def watch(self, resident_id: str) -> AsyncWatch:
        """Return a resident's live events, to be used in an `async with` statement."""
        return AsyncWatch(self._wire, resident_id, f"{self._prefix}watch:{resident_id}")

    async def close(self) -> None:
        """Close the connections of this event loop, which ends its watches; the hub can still be used."""
        await self._wire.close()

    def _ready(self, job: str | Job, fields: dict[str, object]) -> Job:
        if isinstance(job, str):
            return self.job(job, **fields)
        if fields:
            raise TypeError("a job that is written out takes no more fields")
        return job

    async def _push(self, task: str, task_id: UUID, argument: str | None, queue: str) -> None:
        # The result of an earlier attempt goes, so that only an answer to this message counts as one.
        item = list_item(task, task_id, argument, queue, self._source)
        await self._wire.push(self._prefix + queue, item, self._prefix + result_name(task_id))

    async def _result(
        self, task: str, task_id: UUID, argument: str | None, queue: str, deadline: float
    ) -> Result | None:
        """Send a task until its result is there, as a message can be lost; None when the deadline (monotonic) passes.

        A task that runs twice has the same result twice. A second one may come when nobody waits any more: whoever asks
        under this id then is told the same.
        """
        name = self._prefix + result_name(task_id)
        pause = _SEND_AGAIN_SECONDS[queue]
        async with self._wire.subscribed(name) as subscription:
            while True:
                await self._push(task, task_id, argument, queue)
                until = min(deadline, time.monotonic() + pause)
                result = await self._wait(subscription, name, until)
                if result is not None or until == deadline:
                    return result
                pause *= 2

    async def _wait(self, subscription: Subscription, name: str, deadline: float) -> Result | None:
        """Return the result that is announced, or found at the key; None when the deadline (monotonic) passes."""
        while True:
            left = deadline - time.monotonic()
            heard = await subscription.next(max(0.0, min(left, _LOOK_AGAIN_SECONDS)))
            result = read_result(heard) if isinstance(heard, bytes) else await self._look(name)
            if result is not None:
                return result
            if left <= 0:
                return None

    async def _look(self, name: str) -> Result | None:
        text = await self._wire.get(name)
        return None if text is None else read_result(text)

    async def _document(self, name: str) -> Any:
        text = await self._wire.get(self._prefix + name)
        return None if text is None else json.loads(text)

    async def _shown(self, name: str, task: str, argument: str | None, wait: float) -> Any:
        """Return a document that lies at a key, made by a task when it does not; None when there is none to be made."""
        deadline = time.monotonic() + wait
        with _reaching():
            # It may be gone again before it is read: each confirmation of a provider drops a resident's space.
            while (document := await self._document(name)) is None:
                if not await self._made(task, uuid4(), argument, deadline):
                    break
        return document

    async def _made(self, task: str, task_id: UUID, argument: str | None, deadline: float) -> bool:
        result = None
        if time.monotonic() < deadline:
            result = await self._result(task, task_id, argument, _ASKING_QUEUE, deadline)
        if result is None:
            raise ReceiptTimeout("the hub did not make the document in time")
        if result.succeeded and result.value is None:
            return False
        if not result.succeeded or (result.value is not True and "version" not in result.value):
            raise HubFailed("the hub could not make the document")  # it broke down, or no resident has such an id
        return True


@contextmanager
def _reaching(job: Job | None = None) -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise HubUnavailable(f"Redis does not answer ({type(error).__name__})", job) from None


def _receipt(result: Result | None, job: Job, wait: float) -> Receipt:
    if result is None:
        raise ReceiptTimeout(f"no receipt for job {job.job_id} within {wait:g} s", job)
    if not result.succeeded:
        raise HubFailed(f"the hub failed over job {job.job_id}", job)
    return Receipt.read(result.value)
