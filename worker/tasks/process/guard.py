"""The consumer that no message can stop: it refuses, acknowledges, records and continues.

The gate stands in front of Celery's own parsing (`broker.transport`, `broker.admission`). Celery logs an unreadable
message whole, and some messages end the worker. Celery's handlers are overridden as a second line, in case a later
version parses differently from the gate.
"""

from dataclasses import asdict
from typing import Any

import structlog
from celery import Celery
from celery.worker.consumer import Consumer
from celery.worker.control import Panel
from celery.worker.loops import asynloop
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from schemas.receipts import RefusalCode
from worker.domain.keys import HashKeys
from worker.queues import provider_of
from worker.settings import settings
from worker.tasks.broker.admission import Admission, RefusedMessage
from worker.tasks.broker.arguments import Accepts, accepts
from worker.tasks.broker.events import SEAL, seal
from worker.tasks.broker.remote_control import COMMANDS
from worker.tasks.broker.transport import GuardedTransport
from worker.tasks.process.base import HubTask
from worker.tasks.process.watchdog import TOUCH_SECONDS, Watchdog

FLUSH_SECONDS = 0.25
RECORD_TASK = "hub.record_refusal"
PING_TASK = "hub.ping"
DRAIN_TASK = "deliver.drain"

log = structlog.get_logger()


class AppGate:
    """The gate of one worker: admits what its tasks accept, and has every refusal recorded."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        # Celery's own tasks run with any arguments; built by the app, they are of our class too.
        ours = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
        self._admission = Admission(
            {name: _accepts(app, name, task) for name, task in ours.items()},
            HashKeys.of(settings().hash_key).first,
        )

    def admit(self, item: bytes, queue: str) -> dict[str, Any] | None:
        """Return the message to deliver, or None if it was refused and recorded."""
        admitted = self._admission.admit(item, queue)
        if isinstance(admitted, RefusedMessage):
            self._report(admitted)
            return None
        return admitted

    def refuse(
        self, item: bytes, queue: str, code: RefusalCode, task_id: str | None = None, kind: str | None = None
    ) -> None:
        """Record an item that is no message, or could not be handed to its task."""
        self._report(self._admission.refused(item, queue, code, None, task_id, kind))

    def _report(self, refused: RefusedMessage) -> None:
        """Log a refusal, and have a task record it and answer the sender.

        Only the pool's processes use the database, so the consumer continues whatever happens there.
        """
        log.warning("message.refused", **asdict(refused))
        if refused.kind == RECORD_TASK:
            return  # else a refused record would be recorded, and so on
        try:
            self._app.send_task(RECORD_TASK, args=list(asdict(refused).values()), retry=False)
        except Exception as error:  # the log line above is then the record
            log.error("message.refusal_not_recorded", digest=refused.digest, error=type(error).__name__)


def _accepts(app: Celery, name: str, task: HubTask) -> Accepts:
    try:
        return accepts(task.run, _queues(app, name))
    except TypeError as error:
        log.critical("task.not_declared", name=name, reason=str(error))
        raise


def _queues(app: Celery, name: str) -> frozenset[str]:
    """Return the queues that a task may come on: the hub's own work never on a queue that web apps write to."""
    every = frozenset(app.amqp.queues)
    if name == PING_TASK:  # it tests whether a queue is served
        return every
    if name == DRAIN_TASK:
        return frozenset(queue for queue in every if provider_of(queue) is not None)
    return frozenset({app.amqp.router.route({}, name)["queue"].name})


class GuardedConsumer(Consumer):  # type: ignore[misc]
    """Celery's consumer behind the gate; without gossip and mingle, which parse broadcasts of other nodes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        for command in Panel.data.keys() - COMMANDS.keys():
            del Panel.data[command]
        super().__init__(*args, without_gossip=True, without_mingle=True, **kwargs)
        self._watchdog = Watchdog()
        self.gate: AppGate | None = None
        self._flush_is_due = False

    def connection_for_read(self, heartbeat: float | None = None) -> Any:
        """Connect through the guarded transport."""
        self.gate = AppGate(self.app)
        path = f"{GuardedTransport.__module__}:{GuardedTransport.__name__}"
        connection = self.ensure_connected(self.app.connection_for_read(heartbeat=heartbeat, transport=path))
        connection.transport.gate = self.gate
        return connection

    def loop(self, *args: Any) -> None:
        """Run Celery's main loop, watched by the watchdog."""
        self.event_dispatcher.headers[SEAL] = seal(self.hostname, HashKeys.of(settings().hash_key).first)
        touching = self.hub.call_repeatedly(TOUCH_SECONDS, self._watchdog.touch)
        try:
            with self._watchdog.watching():
                asynloop(*args)
        finally:
            touching.cancel()

    def _flush_events(self) -> None:
        """Send a moment's events for Flower together; Celery would send them at each turn of its loop."""
        if not self._flush_is_due:
            self._flush_is_due = True
            self.hub.call_later(FLUSH_SECONDS, self._flush_now)

    def _flush_now(self) -> None:
        self._flush_is_due = False
        super()._flush_events()

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Any:
        """Return Celery's handler; an error in it costs one message, not the worker."""
        handle = super().create_task_handler(*args, **kwargs)

        def handle_or_refuse(message: Any) -> None:
            try:
                handle(message)
            except (RedisConnectionError, RedisTimeoutError, OSError):
                raise  # a fault of the broker, not of the message: the consumer reconnects
            except Exception as error:
                log.error("message.not_handled", error=type(error).__name__)
                self._drop(message)

        return handle_or_refuse

    def on_unknown_message(self, _body: Any, message: Any) -> None:
        """Drop a message that is no task."""
        self._drop(message)

    def on_unknown_task(self, _body: Any, message: Any, _exc: Exception) -> None:
        """Drop a message without a registered task."""
        self._drop(message, RefusalCode.UNKNOWN_KIND)

    def on_invalid_task(self, _body: Any, message: Any, _exc: Exception) -> None:
        """Drop a message from which no request can be made."""
        self._drop(message)

    def on_decode_error(self, message: Any, _exc: Exception) -> None:
        """Drop a message that cannot be decoded."""
        self._drop(message, RefusalCode.NOT_JSON)

    def _drop(self, message: Any, code: RefusalCode = RefusalCode.MALFORMED_MESSAGE) -> None:
        body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
        headers = message.headers if isinstance(message.headers, dict) else {}
        assert self.gate is not None
        self.gate.refuse(body, str((message.delivery_info or {}).get("routing_key")), code, headers.get("id"))
        if not message.acknowledged:
            message.reject()
