"""`permit-hub restore …`: after the database was restored from a backup."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import Connection

from ops.commands.operated import INTERRUPTED, operated
from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, reach
from ops.shown.restore import Known, print_found, print_known
from ops.shown.terminal import complain, messages, print_json, say
from worker.db import hub_state, journaled
from worker.db.engine import transact
from worker.db.trip import run
from worker.hub import Hub
from worker.journal import Journal, JournalError
from worker.services import going_back
from worker.services.clock.sweep import request_reconciliations
from worker.services.jobs import replay as service
from worker.services.jobs.replay import Found
from worker.services.publishing.publish import follow_redis
from worker.services.sharing.lane import publish_provider_events

NOT_REPLAYED = (
    "The journal is not replayed: what residents refused since the backup would be sent again. "
    "First: permit-hub restore replay"
)
NOT_COMPARED = (
    "The database is not yet compared with the journal: the log of the worker that takes from `calendar` says why. "
    "To let it count as current all the same: permit-hub restore release --without-replay"
)
NO_JOURNAL = "PERMIT_HUB_JOURNAL is not set here: this process knows no journal of decisions."

app = typer.Typer(
    name="restore",
    help="After a restore of the database: see what it lost, apply lost decisions again, release what is withheld.",
    no_args_is_help=True,
)


@app.command()
def check(data: RunningOn = None, as_json: AsJson = False) -> None:
    """Compare the database with what Redis and the journal remember; change nothing but to withhold what has to be.

    Exit code 1 if the journal has decisions that the database does not know, or is damaged.
    """
    reach(data)
    with asking(), operated() as hub:
        follow_redis(hub)
        publish_provider_events(hub)
        found = None if hub.journal is None else _work(service.check(hub, hub.journal), "reading the journal")
        known = transact(hub.engine, _known)
    if as_json:
        print_json(asdict(known) | {"journal": None if found is None else asdict(found)})
    else:
        print_known(known, hub.zone)
        if found is None:
            say(NO_JOURNAL)
        else:
            print_found(found)
    if found is not None and (found.unknown or found.damaged):
        raise typer.Exit(1)


@app.command()
def replay(data: RunningOn = None, as_json: AsJson = False) -> None:
    """Apply again the refusals and erasures that the journal has and the database does not know.

    Allowances are not applied: their residents' data is sent as the database's consent says. It can be run again.
    Exit code 1 if the journal is empty or damaged, or a decision could not be applied.
    """
    reach(data)
    with asking(), operated() as hub:
        found = _work(service.replay(hub, _journal(hub), hub.today()), "replaying the journal")
    if as_json:
        print_json(asdict(found))
    else:
        print_found(found, replayed=True)
    if not found.is_whole:
        raise typer.Exit(1)


@app.command()
def release(
    data: RunningOn = None,
    as_json: AsJson = False,
    without_replay: Annotated[
        bool,
        typer.Option("--without-replay", help="Release all the same: lost decisions stay lost."),
    ] = False,
) -> None:
    """Release what is withheld since the database went back, and compare all providers' lists with what it says."""
    reach(data)
    with asking(), operated() as hub:
        state, is_current = transact(hub.engine, lambda db: (hub_state.read(db), run(db, hub_state.is_current())))
        if not is_current and state.replayed_at is None and not without_replay:
            complain(NOT_REPLAYED if state.restored_at is not None else NOT_COMPARED)
            raise typer.Exit(1)
        unlisted = sorted(name for name, declared in hub.capabilities.items() if not declared.lists)
        if not is_current:
            transact(hub.engine, lambda db: going_back.release(hub, db))
            publish_provider_events(hub)
            request_reconciliations(hub)
    if as_json:
        print_json({"released": not is_current, "cannot_list": unlisted})
    elif is_current:
        say("Nothing is withheld.")
    else:
        say("Released. The workers send what waited, and compare the lists of the providers that have one.")
        for name in unlisted:
            say(f"{name} cannot list what it holds: copies of permits made after the backup may be left there.")


def _journal(hub: Hub) -> Journal:
    if hub.journal is None:
        complain(NO_JOURNAL)
        raise typer.Exit(2)
    return hub.journal


def _work(slices: Iterator[Found], doing: str) -> Found:
    """Work through slices, show the progress, and return what was found in all.

    Raises:
        typer.Exit: it was interrupted, or the journal cannot be read; the slices before that stay done.
    """
    found = Found()
    try:
        with messages.status(doing) as status:
            for found in slices:
                status.update(f"{doing}: {found.decisions:,}")
    except JournalError as error:
        complain(f"The journal cannot be read: {error}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        complain("Interrupted; what was done stays done, and the same command goes on.")
        raise typer.Exit(INTERRUPTED) from None
    return found


def _known(db: Connection) -> Known:
    return Known(hub_state.read(db), run(db, hub_state.is_current()), journaled.count(db))
