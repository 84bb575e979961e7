"""The calls of a web app to the hub. Each is one coroutine, which `blocking.py` also runs for code that blocks."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import redis

from permit_hub_client.documents import Catalogue, History, PlateRead, Space
from permit_hub_client.errors import HubFailed, HubRefused, HubUnavailable, InvalidJob, ReceiptTimeout
from permit_hub_client.job import MAX_JOB_BYTES, QUEUES, SCHEMA_VERSIONS, Job, write
from permit_hub_client.message import Result, list_item, read_result, result_name
from permit_hub_client.receipt import Receipt
from permit_hub_client.signature import sign
from permit_hub_client.watch import AsyncWatch
from permit_hub_client.wire import Subscription, Wire

SPACE_TASK, HISTORY_TASK, CATALOGUE_TASK = "space.publish", "space.history", "space.catalogue"
PLATE_TASK = "space.plate"
_SIGNED = frozenset({*QUEUES, SPACE_TASK, HISTORY_TASK})
_DOCUMENT_QUEUE = "jobs"
_SEND_AGAIN_SECONDS = {"consent": 2.0, "jobs": 2.0, "bulk": 10.0}  # then after twice as long, and so on
_LOOK_AGAIN_SECONDS = 1.0  # how often to read the key itself: an announcement can be lost with a connection


class Calls:
    """The calls of `Hub` as coroutines, with the same names and arguments.

    Several event loops may use them; each loop has its own connections.
    """

    def __init__(self, wire: Wire, source: str, prefix: str, key: str | None = None) -> None:
        self._wire = wire
        self._source = source
        self._key = None if key is None else key.strip().encode()
        self._prefix = prefix

    def job(self, /, kind: str, **fields: object) -> Job:
        """Return a job without sending it; `job_id`, `submitted_at` and `source` are filled in unless given.

        Values may be UUIDs, dates and aware datetimes, too.

        Raises:
            InvalidJob: the kind is unknown, `job_id` is not a UUID, a value has no form in JSON, or the job too large.
        """
        if kind not in QUEUES:
            raise InvalidJob("unknown kind of job")
        envelope = {
            "schema_version": SCHEMA_VERSIONS[kind],
            "job_id": uuid4(),
            "source": self._source,
            "submitted_at": datetime.now(UTC),
        }
        whole = envelope | fields
        try:
            job_id = UUID(str(whole["job_id"]))
        except ValueError:
            raise InvalidJob("the job_id is not a UUID") from None
        try:
            job = Job(kind, job_id, write(whole))
            size = len(job.text.encode())
        except (TypeError, ValueError, RecursionError):
            raise InvalidJob("a field of the job has no form in JSON") from None
        if size > MAX_JOB_BYTES:
            raise InvalidJob(f"the job takes {size} bytes; {MAX_JOB_BYTES} is the most")
        return job

    async def submit(self, /, job: str | Job, *, wait: float = 5.0, **fields: object) -> Receipt:
        """Send a job, given by kind and fields or as a `Job`, and return the hub's receipt.

        A refusal is a receipt too. Without a receipt for some seconds the same job is sent again, and applied once. To
        send a job again after an error, pass the error's `job`.

        Raises:
            InvalidJob: the job cannot be sent.
            HubUnavailable: Redis did not answer; the job may have been sent.
            ReceiptTimeout: no receipt within `wait` seconds; the job may still take effect.
            HubFailed: the hub failed while handling the job.
        """
        ready = self._as_job(job, fields)
        deadline = time.monotonic() + wait
        with _unavailable_errors(ready):
            result = await self._result(ready.kind, ready.job_id, ready.text, QUEUES[ready.kind], deadline)
        return _receipt(result, ready, wait)

    async def send(self, /, job: str | Job, **fields: object) -> Job:
        """Send a job once, without waiting, and return it; `receipt` then waits for its receipt.

        Raises:
            InvalidJob, HubUnavailable: as for `submit`.
        """
        ready = self._as_job(job, fields)
        with _unavailable_errors(ready):
            await self._push(ready.kind, ready.job_id, ready.text, QUEUES[ready.kind])
        return ready

    async def receipt(self, job: Job, *, wait: float = 5.0) -> Receipt:
        """Wait for the receipt of a job that was sent; the hub keeps receipts for ten minutes.

        This sends nothing again: if no receipt comes, `submit` the job.

        Raises:
            HubUnavailable, ReceiptTimeout, HubFailed: as for `submit`.
        """
        name = self._prefix + result_name(job.job_id)
        deadline = time.monotonic() + wait
        with _unavailable_errors(job):
            async with self._wire.listening(name) as subscription:
                result = await self._read_result(name) or await self._wait(subscription, name, deadline)
        return _receipt(result, job, wait)

    async def space(self, resident_id: str, *, wait: float = 5.0) -> Space | None:
        """Return a resident's personal space, or None for an unknown resident; the hub publishes it if it is missing.

        Raises:
            HubUnavailable: Redis did not answer.
            ReceiptTimeout: the hub did not publish the space within `wait` seconds.
            HubFailed: the hub failed while publishing the space.
            HubRefused: this app may not ask for it, or the id is malformed.
        """
        space: Space | None = await self._read_or_make(f"space:{resident_id}", SPACE_TASK, resident_id, wait)
        return space

    async def history(self, resident_id: str, *, wait: float = 5.0) -> History | None:
        """Return the history of a resident's permits and data, as of now; None for an unknown resident.

        Raises:
            HubUnavailable, ReceiptTimeout, HubFailed, HubRefused: as for `space`.
        """
        deadline = time.monotonic() + wait
        with _unavailable_errors():
            while await self._make(HISTORY_TASK, task_id := uuid4(), resident_id, deadline):
                text = await self._wire.take(f"{self._prefix}history:{task_id}")
                if text is not None:
                    history: History = json.loads(text)
                    return history
        return None

    async def catalogue(self, *, wait: float = 5.0) -> Catalogue:
        """Return the hub's tariffs and providers; the hub publishes them if they are missing.

        Raises:
            HubUnavailable, ReceiptTimeout, HubFailed: as for `space`.
        """
        catalogue: Catalogue | None = await self._read_or_make("catalogue", CATALOGUE_TASK, None, wait)
        if catalogue is None:
            raise HubFailed("the hub has no catalogue")
        return catalogue

    async def plate(self, raw: str, country: str, *, wait: float = 5.0) -> PlateRead | None:
        """Return a plate as the hub will store and show it; None for a plate that it would refuse.

        Raises:
            HubUnavailable, ReceiptTimeout, HubFailed: as for `space`.
        """
        deadline = time.monotonic() + wait
        with _unavailable_errors():
            while await self._make(PLATE_TASK, task_id := uuid4(), write({"raw": raw, "country": country}), deadline):
                text = await self._wire.take(f"{self._prefix}plate:{task_id}")
                if text is not None:
                    plate: PlateRead = json.loads(text)
                    return plate
        return None

    async def export(self, job: Job | Receipt) -> dict[str, Any] | None:
        """Return the document of an applied `resident.export`, by its job or receipt; None if it has expired.

        The hub keeps it for a quarter of an hour, and makes it again when the same job is submitted again.

        Raises:
            HubUnavailable: Redis did not answer.
        """
        with _unavailable_errors(job if isinstance(job, Job) else None):
            export: dict[str, Any] | None = await self._document(f"export:{job.job_id}")
        return export

    def watch(self, resident_id: str) -> AsyncWatch:
        """Return a resident's live events, for an `async with` statement."""
        return AsyncWatch(self._wire, resident_id, f"{self._prefix}watch:{resident_id}")

    async def close(self) -> None:
        """Close the connections of this event loop, which ends its watches; the hub can still be used."""
        await self._wire.close()

    def _as_job(self, job: str | Job, fields: dict[str, object]) -> Job:
        if isinstance(job, str):
            return self.job(job, **fields)
        if fields:
            raise TypeError("a Job takes no more fields")
        return job

    async def _push(self, task: str, task_id: UUID, argument: str | None, queue: str) -> None:
        # Delete the result of an earlier attempt: only an answer to this message counts.
        arguments = [] if argument is None else [argument]
        if self._key is not None and argument is not None and task in _SIGNED:
            arguments.append(sign(self._key, self._source, task, queue, task_id, argument))
        item = list_item(task, task_id, arguments, queue, self._source)
        await self._wire.push(self._prefix + queue, item, self._prefix + result_name(task_id))

    async def _result(
        self, task: str, task_id: UUID, argument: str | None, queue: str, deadline: float
    ) -> Result | None:
        """Send a task again and again until its result is there; None if the deadline (monotonic) passes first.

        A message can be lost. A task that runs twice has the same result twice, so a late second result does no harm.
        """
        name = self._prefix + result_name(task_id)
        pause = _SEND_AGAIN_SECONDS[queue]
        async with self._wire.listening(name) as subscription:
            while True:
                await self._push(task, task_id, argument, queue)
                until = min(deadline, time.monotonic() + pause)
                result = await self._wait(subscription, name, until)
                if result is not None or until == deadline:
                    return result
                pause *= 2

    async def _wait(self, subscription: Subscription, name: str, deadline: float) -> Result | None:
        """Return the result from its announcement or its key; None if the deadline (monotonic) passes first."""
        while True:
            left = deadline - time.monotonic()
            message = await subscription.next(max(0.0, min(left, _LOOK_AGAIN_SECONDS)))
            result = read_result(message) if isinstance(message, bytes) else await self._read_result(name)
            if result is not None:
                return result
            if left <= 0:
                return None

    async def _read_result(self, name: str) -> Result | None:
        text = await self._wire.get(name)
        return None if text is None else read_result(text)

    async def _document(self, name: str) -> Any:
        text = await self._wire.get(self._prefix + name)
        return None if text is None else json.loads(text)

    async def _read_or_make(self, name: str, task: str, argument: str | None, wait: float) -> Any:
        """Return the document at a key; if it is missing, have a task make it. None if the task has none to make."""
        deadline = time.monotonic() + wait
        with _unavailable_errors():
            # It may be gone before it is read: each confirmation of a provider drops the resident's space.
            while (document := await self._document(name)) is None:
                if not await self._make(task, uuid4(), argument, deadline):
                    break
        return document

    async def _make(self, task: str, task_id: UUID, argument: str | None, deadline: float) -> bool:
        result = None
        if time.monotonic() < deadline:
            result = await self._result(task, task_id, argument, _DOCUMENT_QUEUE, deadline)
        if result is None:
            raise ReceiptTimeout("the hub did not make the document in time")
        if result.succeeded and result.value is None:
            return False
        if not result.succeeded:
            raise HubFailed("the hub could not make the document")
        if result.value is not True and "version" not in result.value:
            raise HubRefused(str(result.value.get("code")))
        return True


@contextmanager
def _unavailable_errors(job: Job | None = None) -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise HubUnavailable(f"Redis does not answer ({type(error).__name__})", job) from None


def _receipt(result: Result | None, job: Job, wait: float) -> Receipt:
    if result is None:
        raise ReceiptTimeout(f"no receipt for job {job.job_id} within {wait:g} s", job)
    if not result.succeeded:
        raise HubFailed(f"the hub failed while handling job {job.job_id}", job)
    return Receipt.read(result.value)
