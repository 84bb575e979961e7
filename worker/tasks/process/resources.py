"""What one worker process keeps from task to task: its hub, its event loop, its connections to providers."""

import asyncio
import gc
from collections.abc import Coroutine
from contextvars import copy_context
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

import redis
import structlog
from celery import signals

from integrations import registry
from integrations.settings import SettingError
from worker.hub import UNAVAILABLE, Hub, make_hub
from worker.limiter import Limiter
from worker.live.wake_ups import URGENT
from worker.loop import Loop
from worker.queues import lane_queue
from worker.services.sharing.lane import Lane
from worker.settings import settings
from worker.tasks.broker.message import list_item

T = TypeVar("T")

log = structlog.get_logger()

_DATABASE_DRIVER = "psycopg"  # SQLAlchemy imports it with the first engine


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _import_before_forking(**_: object) -> None:
    """Import before the fork what every child needs: it would cost a child's first job 0.25 s."""
    import_module(_DATABASE_DRIVER)
    for provider in settings().providers:
        registry.capabilities(provider)


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _connect_before_the_first_task(**_: object) -> None:
    """Open a child's connections before its first task; a connection that fails now is opened later."""
    try:
        hub().engine.connect().close()
        hub().live.epoch.run_id()
    except UNAVAILABLE as error:
        log.warning("process.not_connected", error=type(error).__name__)
    gc.collect()
    gc.freeze()  # what is loaded stays: a withdrawal need not wait for its collection


@cache
def hub() -> Hub:
    """Return this process's hub. Only pool processes call it: a fork must not inherit a connection."""
    return make_hub(settings(), _send_wake_up)


@cache
def lane(provider: str) -> Lane:
    """Return this process's lane to a provider.

    Raises:
        integrations.settings.SettingError: the provider's settings are missing or wrong.
    """
    configured = settings()
    access = registry.access(provider)
    limits = registry.capabilities(provider).limits if access.limits is None else access.limits
    connections = access.in_flight or configured.in_flight
    return Lane(
        hub(),
        registry.adapter(provider, access, zone=configured.zone, connections=connections),
        Limiter(configured.redis_address, configured.redis_prefix, provider, limits),
        in_flight=access.in_flight,
    )


def urgent_lanes() -> dict[str, Lane]:
    """Return this process's lanes to all providers; one whose settings are wrong has none."""
    found = {}
    for provider in settings().providers:
        try:
            found[provider] = lane(provider)
        except SettingError as error:
            _report_unconfigured(provider, str(error))
    return found


@cache
def _report_unconfigured(provider: str, problem: str) -> None:
    """Log once in each process that a provider's settings are missing or wrong here."""
    log.error("provider.not_urgent", provider=provider, problem=problem)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the process's one event loop, so that connections stay warm between tasks."""
    # Alone, the runner keeps the first task's context for ever, and its id in every later log line.
    return _runner().run(work, context=copy_context())


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner(loop_factory=Loop)


def _send_wake_up(name: str) -> None:
    """Put a wake-up on its lane's queue. A receipt waits for it, and `send_task` takes eight times as long."""
    is_urgent = name == URGENT
    task, arguments = ("deliver.urgent", ()) if is_urgent else ("deliver.drain", (name,))
    queue = URGENT if is_urgent else lane_queue(name)
    live = hub().live
    try:
        live.client.lpush(live.key(queue), list_item(task, arguments, queue))
    except redis.RedisError:
        raise ConnectionError from None
