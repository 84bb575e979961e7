"""`permit-hub reconcile PROVIDER`: compare what a provider holds with what it confirmed."""

import time
from dataclasses import asdict
from functools import partial
from typing import Annotated
from uuid import UUID

import typer

from integrations.errors import FailureCode
from ops.commands.operated import INTERRUPTED, Provider, known_provider, operated
from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, reach
from ops.shown.reconciliation import print_figures, showing_progress
from ops.shown.terminal import complain, print_json, say
from worker.db import status as backlog
from worker.db.engine import transact
from worker.db.sharing import reconciliations
from worker.db.sharing.reconciliations import Reconciliation
from worker.hub import Hub
from worker.services.sharing.believable import TOO_MANY_ORPHANS
from worker.services.sharing.lane import STORE_REPLACED
from worker.services.sharing.reconcile import UNCONFIGURED

POLL_SECONDS = 0.2
BEGIN_SECONDS = 30.0  # the sweep starts it within seconds, unless no worker takes from the queue `upkeep`
OURS_ALONE = frozenset({"lease_id", "cursor", "position", "shared_up_to"})  # the workers' own notes


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
        print_figures(run)
    if problem is not None:
        complain(problem)
        raise typer.Exit(1)


def _request(hub: Hub, provider: str, *, dry_run: bool) -> UUID:
    """Request a reconciliation, or return the one under way."""
    run_id = transact(hub.engine, partial(reconciliations.request, provider=provider, dry_run=dry_run))
    if run_id is not None:
        return run_id
    run = transact(hub.engine, reconciliations.latest)[provider]
    if run.dry_run is not dry_run:
        complain(f"A {'dry run' if run.dry_run else 'reconciliation'} is under way with {provider}: try again later.")
        raise typer.Exit(1)
    say(f"It is under way already with {provider}.")
    return run.reconciliation_id


def _watch(hub: Hub, run_id: UUID) -> Reconciliation:
    deadline = time.monotonic() + BEGIN_SECONDS
    with showing_progress() as shown:
        while True:
            run = transact(hub.engine, partial(reconciliations.read, reconciliation_id=run_id))
            if run.finished_at is not None:
                return run
            if run.started_at is not None:
                shown.update(run)
            elif time.monotonic() > deadline:
                complain("No worker has begun it yet; it is asked for, and begins when one takes from `upkeep`.")
                raise typer.Exit(1)
            time.sleep(POLL_SECONDS)


def _problem(hub: Hub, run: Reconciliation) -> str:
    """Return why it could not be done."""
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
