"""`permit-hub status`: how far each lane and queue is behind, and whether workers work."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from integrations.channels.registry import CHANNELS
from ops import served
from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, reach
from ops.shown.status import print_status
from ops.shown.terminal import messages, print_json
from worker.db import status as backlog
from worker.db.clock import stuck
from worker.db.engine import make_engine, transact
from worker.domain.keys import HashKeys
from worker.services.clock.stuck import query
from worker.settings import settings


def status(
    data: RunningOn = None,
    as_json: AsJson = False,
    wait: Annotated[
        float,
        typer.Option(
            min=0, max=600, help="Seconds to wait for workers that do not answer at once: one may be starting."
        ),
    ] = 15.0,
) -> None:
    """Show what waits for each provider and what holds it back, and for each queue whether a worker takes from it.

    Exit code 1 if from some queue none does.
    """
    reach(data)
    configured = settings()
    with asking():
        with messages.status("asking the workers"):
            queues = served.ask(_queue_names(), configured.redis_address, configured.redis_prefix, wait)
        engine = make_engine(configured, HashKeys.of(configured.hash_key))
        known = transact(engine, lambda db: backlog.read(db, configured.providers, CHANNELS))
        today = datetime.now(configured.zone).date()
        waiting = transact(engine, lambda db: stuck.find(db, query(configured, today)))
    signed = configured.sources is not None
    if as_json:
        print_json(
            asdict(known)
            | {"signed_jobs": signed}
            | {"stuck": list(map(asdict, waiting)), "queues": list(map(asdict, queues))}
        )
    else:
        print_status(known, queues, waiting, configured.zone, wait=wait, signed=signed)
    if not all(queue.served for queue in queues):
        raise typer.Exit(1)


def _queue_names() -> list[str]:
    from celeryconfig import task_queues  # it reads the settings, which `reach` completes

    return [queue.name for queue in task_queues]
