"""`permit-hub restore …`: after the database was restored from a backup."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from ops.commands.operated import INTERRUPTED, operated
from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, reach
from ops.shown.restore import print_found, print_state
from ops.shown.terminal import complain, messages, print_json, say
from worker.db import hub_state, journaled
from worker.db.engine import transact
from worker.db.hub_state import HubState
from worker.db.trip import run
from worker.hub import Hub
from worker.journal import Journal, JournalError
from worker.services import going_back
from worker.services.clock.sweep import request_reconciliations
from worker.services.jobs import replay as service
from worker.services.jobs.replay import Found
from worker.services.publishing.publish import follow_redis
from worker.services.sharing.lane import publish_provider_events

NO_JOURNAL = "PERMIT_HUB_JOURNAL is not set here: this process knows no journal of decisions."

app = typer.Typer(
    name="restore",
    help="After a restore of the database: see what it lost, apply lost decisions again, release what is held.",
    no_args_is_help=True,
)


@app.command()
def check(data: RunningOn = None, as_json: AsJson = False) -> None:
    """Compare the database with what Redis and the journal remember; change nothing but to hold what has to be held.

    Exit code 1 if the journal has decisions that the database does not know, or is damaged.
    """
    reach(data)
    with asking(), operated() as hub:
        follow_redis(hub)
        publish_provider_events(hub)
        found = None if hub.journal is None else _work(service.check(hub, hub.journal), "reading the journal")
        state, waiting = transact(hub.engine, lambda db: (hub_state.read(db), journaled.count(db)))
        is_current = transact(hub.engine, lambda db: run(db, hub_state.is_current()))
    if as_json:
        print_json(_told(state, is_current, waiting, found))
    else:
        print_state(state, hub.zone, is_current=is_current, waiting=waiting)
        say(NO_JOURNAL) if found is None else print_found(found)
    if found is not None and (found.unknown or found.damaged):
        raise typer.Exit(1)


@app.command()
def replay(data: RunningOn = None, as_json: AsJson = False) -> None:
    """Apply again the refusals and erasures that the journal has and the database does not know.

    Allowances are not applied: their residents' data is sent as the database's consent says. It can be run again.
    Exit code 1 if the journal is damaged.
    """
    reach(data)
    with asking(), operated() as hub:
        found = _work(service.replay(hub, _journal(hub), hub.today()), "replaying the journal")
    if as_json:
        print_json(asdict(found))
    else:
        print_found(found, replayed=True)
    if found.damaged:
        raise typer.Exit(1)


@app.command()
def release(
    data: RunningOn = None,
    without_replay: Annotated[
        bool,
        typer.Option("--without-replay", help="Release all the same: lost decisions stay lost."),
    ] = False,
) -> None:
    """Release what is held since the database went back, and compare all providers' lists with what it says."""
    reach(data)
    with asking(), operated() as hub:
        state = transact(hub.engine, hub_state.read)
        if state.restored_at is None:
            say("Nothing is held.")
            return
        if state.replayed_at is None and not without_replay:
            complain(
                "The journal is not replayed: what residents refused since the backup would be sent again. "
                "First: permit-hub restore replay"
            )
            raise typer.Exit(1)
        transact(hub.engine, lambda db: going_back.release(hub, db))
        publish_provider_events(hub)
        request_reconciliations(hub)
        for name in sorted(hub.capabilities):
            if not hub.capabilities[name].lists:
                say(f"{name} cannot list what it holds: copies of permits made after the backup may be left there.")
    say("Released. The workers send what waited, and compare the lists of the providers that have one.")


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


def _told(state: HubState, is_current: bool, waiting: int, found: Found | None) -> dict[str, object]:
    return {
        "is_current": is_current,
        "restored_at": state.restored_at,
        "restored_sign": state.restored_sign,
        "replayed_at": state.replayed_at,
        "not_journaled": waiting,
        "journal": None if found is None else asdict(found),
    }
