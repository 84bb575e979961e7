"""`permit-hub status`: how far each lane and queue is behind, and whether workers work."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import redis
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.canary import Canary
from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, reach
from ops.screen import PROVIDERS
from schemas.jobs import Queue
from worker.db import status as backlog
from worker.db.engine import make_engine, transact
from worker.db.status import ProviderStatus
from worker.domain.breaker import BreakerState
from worker.settings import Settings, settings

POLL_SECONDS = 0.01
REDIS_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """A queue: how many messages wait, and whether a ping through it was answered in time."""

    queue: str
    waiting: int
    alive: bool


def status(
    data: RunningOn = None,
    as_json: AsJson = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the workers' answers.")] = 3.0,
) -> None:
    """Show what waits for each provider and in each queue, and whether a worker answers on it.

    Exit code 1 if on some queue none does.
    """
    reach(data)
    configured = settings()
    with asking():
        queues = _queues(configured, wait)
        known = transact(make_engine(configured), lambda db: backlog.read(db, configured.providers))
    if as_json:
        typer.echo(json.dumps(asdict(known) | {"queues": [asdict(queue) for queue in queues]}, default=str))
    else:
        console = Console()
        console.print(_lanes(known.providers))
        console.print()
        console.print(_lines(queues, wait))
        console.print()
        console.print(f"residents to be published: {known.unpublished_residents}   epoch: {known.epoch}")
    if any(not queue.alive for queue in queues):
        raise typer.Exit(1)


def _queues(configured: Settings, wait: float) -> list[QueueStatus]:
    names = [*(str(queue) for queue in Queue), "calendar", *(f"deliver.{name}" for name in configured.providers)]
    options = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
    with redis.Redis.from_url(configured.redis_url, **options) as client:
        waiting = {name: int(client.llen(configured.redis_prefix + name)) for name in names}
    canary = Canary(configured.redis_url, configured.redis_prefix)
    pings = {name: canary.send(name) for name in names}
    deadline = time.monotonic() + wait
    alive: set[str] = set()
    while len(alive) < len(names) and time.monotonic() < deadline:
        alive |= {name for name in names if name not in alive and canary.was_answered(pings[name])}
        time.sleep(POLL_SECONDS)
    canary.close()
    return [QueueStatus(name, waiting[name], name in alive) for name in names]


def _lanes(providers: Sequence[ProviderStatus]) -> Table:
    table = _table("Shares to be confirmed by their provider")
    table.add_column("provider")
    for heading in ("consent", "change", "routine", "oldest due", "failing", "leased", "dead letters", "drift"):
        table.add_column(heading, justify="right")
    table.add_column("lane")
    for one in providers:
        table.add_row(
            PROVIDERS.get(one.provider, one.provider),
            *map(str, (one.consent, one.change, one.routine)),
            "–" if one.oldest_due_seconds is None else f"{one.oldest_due_seconds:.1f} s",
            _alarming(one.failing),
            str(one.leased),
            _alarming(one.parked),
            "–" if one.drift is None else _alarming(one.drift),
            _lane(one),
        )
    return table


def _alarming(count: int) -> Text:
    return Text(str(count), style="red" if count else "")


def _lane(one: ProviderStatus) -> Text:
    """Say what holds a lane back, the most lasting first."""
    if one.unconfigured is not None:
        return Text(one.unconfigured, style="red")
    if one.paused_at is not None:
        return Text("paused", style="red")
    if one.breaker != BreakerState.CLOSED:
        return Text(f"breaker {one.breaker.replace('_', ' ')}", style="red")
    if one.held_until is not None:
        return Text("held, as it asked", style="yellow")
    return Text("open", style="green")


def _lines(queues: Sequence[QueueStatus], wait: float) -> Table:
    table = _table("Messages in the queues")
    table.add_column("queue")
    table.add_column("waiting", justify="right")
    table.add_column("a worker answers")
    for one in queues:
        answer = Text("yes", style="green") if one.alive else Text(f"no, not within {wait:g} s", style="red")
        table.add_row(one.queue, str(one.waiting), answer)
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
