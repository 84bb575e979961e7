"""`permit-hub reconcile PROVIDER`: compare what a provider holds with what it confirmed."""

import json
import time
from dataclasses import asdict
from functools import partial
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from ops.commands.operated import known_provider, operated
from ops.commands.options import AsJson, complain, messages
from ops.commands.reach import RunningOn, asking, reach
from ops.screen import PROVIDERS
from worker.db import reconciliations
from worker.db.engine import transact
from worker.db.reconciliations import Reconciliation
from worker.hub import Hub

POLL_SECONDS = 0.2
BEGIN_SECONDS = 30.0  # the sweep starts it within seconds, unless no worker takes from the bulk queue


def reconcile(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="The provider's name.")],
    data: RunningOn = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what differs, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare what a provider holds with what it confirmed, page by page; what differs is sent or removed again.

    The workers do it; this only watches, and Ctrl-C leaves them to it. Exit code 1 when it could not be done.
    """
    reach(data)
    with asking(), operated() as hub:
        if not hub.capabilities[known_provider(hub, provider)].lists:
            complain(
                f"{PROVIDERS.get(provider, provider)} cannot list what it holds. "
                f"After a loss there: permit-hub reaffirm {provider} --since TIME."
            )
            raise typer.Exit(2)
        run_id = transact(hub.engine, partial(reconciliations.request, provider=provider, dry_run=dry_run))
        if run_id is None:
            complain("A reconciliation with this provider is under way already.")
            raise typer.Exit(1)
        run = _watch(hub, run_id)
    if as_json:
        typer.echo(json.dumps(asdict(run), default=str))
    else:
        Console().print(_table(run))
    if run.code is not None:
        complain(f"It could not be done: {run.code}.")
        raise typer.Exit(1)


def _watch(hub: Hub, run_id: UUID) -> Reconciliation:
    deadline = time.monotonic() + BEGIN_SECONDS
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn())
    with Progress(*columns, console=messages, transient=True) as progress:
        bar = progress.add_task("waiting for a worker", total=None)
        while True:
            run = transact(hub.engine, partial(reconciliations.read, reconciliation_id=run_id))
            if run.finished_at is not None:
                return run
            if run.started_at is None and time.monotonic() > deadline:
                complain("No worker has begun it yet; it is asked for, and begins when one takes from the bulk queue.")
                raise typer.Exit(1)
            if run.started_at is not None:
                doing = "reading pages" if run.read_at is None else "looking for missing copies"
                progress.update(bar, description=doing, completed=run.copies, total=run.expected or None)
            time.sleep(POLL_SECONDS)


def _table(run: Reconciliation) -> Table:
    assert run.started_at is not None
    assert run.finished_at is not None
    title = f"{PROVIDERS.get(run.provider, run.provider)}{', dry run' if run.dry_run else ''}"
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    table.add_column("copies")
    table.add_column("", justify="right")
    table.add_column("")
    done = "would be " if run.dry_run else "is "
    for name, count, meaning in (
        ("listed", run.copies, f"on {run.pages} pages, in {(run.finished_at - run.started_at).total_seconds():.1f} s"),
        ("differing", run.differing, f"the truth {done}sent again"),
        ("missing", run.missing, f"the truth {done}sent again"),
        ("orphans", run.orphans, f"nobody's: removal {done}asked for"),
        ("foreign", run.foreign_copies, "under references that are not the hub's: left alone"),
    ):
        style = "red" if count and name not in {"listed", "foreign"} else ""
        table.add_row(name, f"{count:,}", meaning, style=style)
    return table
