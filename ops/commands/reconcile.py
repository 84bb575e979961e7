"""`permit-hub reconcile PROVIDER`: compare what a provider holds with what it confirmed."""

import time
from dataclasses import asdict
from functools import partial
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from integrations.errors import FailureCode
from ops.commands.operated import INTERRUPTED, Provider, known_provider, operated
from ops.commands.options import AsJson, complain, messages
from ops.commands.printed import print_json, table
from ops.commands.reach import RunningOn, asking, reach
from worker.db import status as backlog
from worker.db.engine import transact
from worker.db.sharing import reconciliations
from worker.db.sharing.reconciliations import Reconciliation
from worker.hub import Hub
from worker.services.sharing.lane import STORE_REPLACED
from worker.services.sharing.reconcile import TOO_MANY_ORPHANS, UNCONFIGURED

POLL_SECONDS = 0.2
BEGIN_SECONDS = 30.0  # the sweep starts it within seconds, unless no worker takes from the queue `upkeep`
BAR_WIDTH = 20
OURS_ALONE = frozenset({"lease_id", "cursor", "position", "shared_up_to"})  # of no use to anybody else


def reconcile(
    provider: Provider,
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
                f"{provider} cannot list what it holds. After a loss there: permit-hub reaffirm {provider} --since TIME"
            )
            raise typer.Exit(2)
        run_id = _request(hub, provider, dry_run=dry_run)
        try:
            run = _watch(hub, run_id)
        except KeyboardInterrupt:
            complain("Interrupted; the workers go on with it. The same command watches it again.")
            raise typer.Exit(INTERRUPTED) from None
        problem = None if run.code is None else _problem(hub, run)
    if as_json:
        told = {name: value for name, value in asdict(run).items() if name not in OURS_ALONE}
        print_json(told | {"drift": run.drift if run.code is None else None})
    elif problem is None or run.pages:
        Console().print(_table(run))
    if problem is not None:
        complain(problem)
        raise typer.Exit(1)


def _request(hub: Hub, provider: str, *, dry_run: bool) -> UUID:
    """Ask for a reconciliation, or find the one that is under way."""
    run_id = transact(hub.engine, partial(reconciliations.request, provider=provider, dry_run=dry_run))
    if run_id is not None:
        return run_id
    run = transact(hub.engine, reconciliations.latest)[provider]
    if run.dry_run is not dry_run:
        complain(f"A {'dry run' if run.dry_run else 'reconciliation'} is under way with {provider}: try again later.")
        raise typer.Exit(1)
    messages.print(f"It is under way already with {provider}.", highlight=False)
    return run.reconciliation_id


def _watch(hub: Hub, run_id: UUID) -> Reconciliation:
    deadline = time.monotonic() + BEGIN_SECONDS
    columns = (TextColumn("{task.description}"), BarColumn(BAR_WIDTH), TextColumn("{task.fields[figures]}"))
    with Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as progress:
        bar = progress.add_task("waiting for a worker", total=None, figures="")
        while True:
            run = transact(hub.engine, partial(reconciliations.read, reconciliation_id=run_id))
            if run.finished_at is not None:
                return run
            if run.started_at is not None:
                _show(progress, bar, run)
            elif time.monotonic() > deadline:
                complain("No worker has begun it yet; it is asked for, and begins when one takes from `upkeep`.")
                raise typer.Exit(1)
            time.sleep(POLL_SECONDS)


def _show(progress: Progress, bar: TaskID, run: Reconciliation) -> None:
    """Show how far it has come; the bar only pulses where nobody knows how much there is."""
    expected = run.expected or 0
    if run.failures:
        progress.update(bar, description=f"{run.code}, to be tried again", figures=f"failed {run.failures} ×")
    elif run.read_at is None:
        figures = f"{run.copies:,} of about {expected:,} copies" if run.copies <= expected else f"{run.copies:,} copies"
        progress.update(bar, description="reading pages", figures=figures)
    else:
        progress.update(bar, description="looking for missing copies", figures="")
    known = run.read_at is None and not run.failures and run.copies <= expected
    progress.update(bar, total=expected if known else None, completed=run.copies if known else 0)


def _problem(hub: Hub, run: Reconciliation) -> str:
    """Say why it could not be done."""
    if run.code == TOO_MANY_ORPHANS:
        return (
            f"{run.provider} lists more copies that the hub does not know than can be its own; none is removed. "
            "If they are its own all the same, as after a restore, raise PERMIT_HUB_ORPHAN_MARGIN for a while."
        )
    if run.code in {STORE_REPLACED, FailureCode.LIST_ENDLESS}:
        return f"{run.provider}: given up: {run.code}."
    if run.code != UNCONFIGURED:
        return f"{run.provider}: given up after {run.failures + 1} failures in a row, the last one: {run.code}."
    known = transact(hub.engine, partial(backlog.read, providers=[run.provider])).providers
    noted = next(one.unconfigured for one in known if one.provider == run.provider)
    where = "the log of the worker that takes from the queue `upkeep` says which setting is missing or wrong"
    return f"{run.provider} is not configured: {noted or where}."


def _table(run: Reconciliation) -> Table:
    assert run.started_at is not None
    assert run.finished_at is not None
    pages = f"{run.pages:,} page{'' if run.pages == 1 else 's'}"
    seconds = (run.finished_at - run.started_at).total_seconds()
    title = f"{run.provider}{', dry run' if run.dry_run else ''}: {run.copies:,} copies on {pages}, in {seconds:.1f} s"
    made = table(title, "copies", "", "what becomes of them", right=frozenset({""}))
    would = "would be " if run.dry_run else ""
    for name, count, meaning in (
        ("differing", run.differing, f"{would}sent again"),
        ("missing", run.missing, f"{would}sent again" if run.read_at else "not looked for"),
        ("orphans", run.orphans, f"nobody's: {would}removed" if run.read_at else "nobody's: left alone"),
        ("foreign", run.foreign_copies, "under references that are not the hub's: left alone"),
    ):
        made.add_row(name, f"{count:,}", meaning, style="red" if count and name != "foreign" else "")
    return made
