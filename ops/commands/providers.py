"""`permit-hub pause | resume | reaffirm PROVIDER`: what an operator does about a provider as a whole."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer

from ops.commands.operated import Provider, known_provider, moment, operated, read_moment, tally
from ops.commands.options import AsJson, complain
from ops.commands.printed import print_json
from ops.commands.reach import RunningOn, asking, reach
from worker.db.engine import transact
from worker.db.sharing import providers
from worker.services.sharing import invalidate


def pause(provider: Provider, data: RunningOn = None, as_json: AsJson = False) -> None:
    """Send a provider nothing, withdrawals included, until it is resumed; what is due waits."""
    reach(data)
    with asking(), operated() as hub:
        is_new = transact(hub.engine, partial(providers.pause, provider=known_provider(hub, provider)))
    paused = f"{'' if is_new else 'already '}paused; withdrawals wait, too. To go on: permit-hub resume {provider}"
    _answer(as_json, provider, {"paused": True, "changed": is_new}, paused)


def resume(provider: Provider, data: RunningOn = None, as_json: AsJson = False) -> None:
    """Send a paused provider what has become due."""
    reach(data)
    with asking(), operated() as hub:
        is_new = transact(hub.engine, partial(providers.resume, provider=known_provider(hub, provider)))
    _answer(as_json, provider, {"paused": False, "changed": is_new}, "resumed" if is_new else "was not paused")


def reaffirm(
    provider: Provider,
    since: Annotated[
        datetime,
        typer.Option(
            parser=read_moment,
            metavar="TIME",
            help="Since when what it confirmed is in doubt: 2026-09-16T03:00, in the city's time unless it says so.",
        ),
    ],
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """Send a provider again all that it confirmed since a moment, removals included: it has restored a backup."""
    reach(data)
    with asking(), operated() as hub:
        name, start = known_provider(hub, provider), moment(hub, since)
        assert start is not None
        if start > datetime.now(UTC):
            complain(f"{start.isoformat()} is yet to come: nothing was confirmed since.")
            raise typer.Exit(2)
        count = tally(invalidate.reaffirm(hub, name, start), "invalidating")
    _answer(as_json, provider, {"shares": count}, f"{count:,} to be sent again")


def _answer(as_json: bool, provider: str, answer: dict[str, object], words: str) -> None:
    if as_json:
        print_json({"provider": provider} | answer)
    else:
        typer.echo(f"{provider}: {words}")
