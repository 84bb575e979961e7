"""The way from a web app to the hub."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from permit_hub_client.errors import HubFailed, HubUnavailable, InvalidJob, ReceiptTimeout
from permit_hub_client.job import MAX_JOB_BYTES, QUEUES, SCHEMA_VERSION, Job, write
from permit_hub_client.message import Result, list_item, result_name
from permit_hub_client.receipt import Receipt
from permit_hub_client.replies import Replies
from permit_hub_client.watch import Watch

_SPACE_TASK, _SPACE_QUEUE = "space.publish", "jobs"
_SPACE_ATTEMPTS = 3  # Redis may lose it again before it is read, but not each time


class Hub:
    """A permit hub, seen from a web app.

    One is enough for a process: threads share it, a fork is no harm to it, and it connects when first used.
    `source` names your app in the hub's records; `prefix` is the hub's `PERMIT_HUB_REDIS_PREFIX`. `io_seconds` bounds
    one exchange with Redis; a call that finds Redis away fails within about five times that, which is two attempts
    with a connection to be made for each.
    """

    def __init__(self, redis_url: str, *, source: str, prefix: str = "permit-hub:", io_seconds: float = 2.0) -> None:
        self._prefix = prefix
        self._source = source
        self._io_seconds = io_seconds
        self._redis: redis.Redis = redis.Redis.from_url(
            redis_url,
            socket_timeout=io_seconds,
            socket_connect_timeout=io_seconds,
            socket_keepalive=True,
            health_check_interval=10,
            retry=Retry(ConstantBackoff(0.05), 1),  # once: for a connection that was closed while it lay idle
        )
        self._replies = Replies(self._redis, io_seconds)

    def job(self, kind: str, **fields: object) -> Job:
        """Write out a job without sending it; `job_id`, `submitted_at` and `source` are filled in unless given.

        UUIDs, dates and aware datetimes may be given as such.

        Raises:
            InvalidJob: the kind is unknown, a value has no form in JSON, or the whole is too large.
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
            job = Job(kind, UUID(str(whole["job_id"])), write(whole))
            size = len(job.text.encode())
        except (TypeError, ValueError):
            raise InvalidJob("a field of the job has no form in JSON") from None
        if size > MAX_JOB_BYTES:
            raise InvalidJob(f"the job takes {size} bytes; {MAX_JOB_BYTES} is the most")
        return job

    def submit(self, job: str | Job, *, wait: float = 5.0, **fields: object) -> Receipt:
        """Send a job, by its kind and fields or as made before, and return the hub's receipt.

        A refusal is a receipt too. To send a job again after an error, pass the error's `job`.

        Raises:
            InvalidJob: it cannot be sent.
            HubUnavailable: Redis did not answer; the job may have been sent or not.
            ReceiptTimeout: no receipt within `wait` seconds; the job may still take effect.
            HubFailed: the hub broke down over it.
        """
        ready = self._ready(job, fields)
        name = self._prefix + result_name(ready.job_id)
        deadline = time.monotonic() + wait
        with self._reaching(ready), self._replies.subscribed(name) as subscription:
            self._push(ready.kind, ready.job_id, ready.text, QUEUES[ready.kind])
            result = self._replies.wait(subscription, name, deadline)
        return _receipt(result, ready, wait)

    def send(self, job: str | Job, **fields: object) -> Job:
        """Send a job without waiting; pass what is returned to `receipt` to learn what became of it.

        Raises:
            InvalidJob, HubUnavailable: as for `submit`.
        """
        ready = self._ready(job, fields)
        with self._reaching(ready):
            self._push(ready.kind, ready.job_id, ready.text, QUEUES[ready.kind])
        return ready

    def receipt(self, job: Job, *, wait: float = 5.0) -> Receipt:
        """Wait for the receipt of a job that was sent; the hub keeps receipts for some minutes.

        Raises:
            HubUnavailable, ReceiptTimeout, HubFailed: as for `submit`.
        """
        name = self._prefix + result_name(job.job_id)
        deadline = time.monotonic() + wait
        with self._reaching(job), self._replies.subscribed(name) as subscription:
            result = self._replies.look(name) or self._replies.wait(subscription, name, deadline)
        return _receipt(result, job, wait)

    def space(self, resident_id: str, *, wait: float = 5.0) -> dict[str, Any] | None:
        """Return a resident's personal space, asking the hub for it if need be; None for a resident it does not know.

        Raises:
            HubUnavailable: Redis did not answer.
            ReceiptTimeout: the hub did not publish it within `wait` seconds.
            HubFailed: the hub broke down over it.
        """
        deadline = time.monotonic() + wait
        with self._reaching():
            for _ in range(_SPACE_ATTEMPTS):
                space = self._document(f"space:{resident_id}")
                if space is not None:
                    return space
                if not self._publish_space(resident_id, deadline):
                    return None
        raise HubFailed("the hub published the personal space, and it was gone again")

    def export(self, job: Job | Receipt) -> dict[str, Any] | None:
        """Return what a `resident.export` that was applied has gathered, by its job or receipt.

        None when it is no longer there: the hub keeps it for a quarter of an hour, and gathers it anew when the same
        job is submitted again.

        Raises:
            HubUnavailable: Redis did not answer.
        """
        with self._reaching(job if isinstance(job, Job) else None):
            return self._document(f"export:{job.job_id}")

    def watch(self, resident_id: str) -> Watch:
        """Return a resident's live events, to be used in a `with` statement."""
        channel = f"{self._prefix}watch:{resident_id}"
        return Watch(self._redis, resident_id, channel, self._io_seconds)

    def close(self) -> None:
        """Close the connections; the hub can still be used and opens new ones."""
        self._replies.close()
        self._redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ready(self, job: str | Job, fields: dict[str, object]) -> Job:
        if isinstance(job, str):
            return self.job(job, **fields)
        if fields:
            raise TypeError("a job that is written out takes no more fields")
        return job

    def _push(self, task: str, task_id: UUID, argument: str, queue: str) -> None:
        # The result of an earlier attempt goes, so that only an answer to this message counts as one.
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(self._prefix + result_name(task_id))
            pipeline.lpush(self._prefix + queue, list_item(task, task_id, argument, queue, self._source))
            pipeline.execute()

    def _document(self, name: str) -> dict[str, Any] | None:
        text = self._redis.get(self._prefix + name)
        if not isinstance(text, bytes):
            return None
        document: dict[str, Any] = json.loads(text)
        return document

    def _publish_space(self, resident_id: str, deadline: float) -> bool:
        task_id = uuid4()
        name = self._prefix + result_name(task_id)
        if time.monotonic() >= deadline:
            raise ReceiptTimeout("the hub did not publish the personal space in time")
        with self._replies.subscribed(name) as subscription:
            self._push(_SPACE_TASK, task_id, resident_id, _SPACE_QUEUE)
            result = self._replies.wait(subscription, name, deadline)
        if result is None:
            raise ReceiptTimeout("the hub did not publish the personal space in time")
        if result.value is None and result.succeeded:
            return False
        if not result.succeeded or "version" not in result.value:  # broken down, or the id is none that a resident has
            raise HubFailed("the hub could not publish the personal space")
        return True

    @contextmanager
    def _reaching(self, job: Job | None = None) -> Iterator[None]:
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
