"""`permit-hub pause | resume | reaffirm PROVIDER`: stop, continue or repeat what is sent to a provider."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer

from ops.commands.operated import Provider, known_provider, moment, operated, read_moment, tally
from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, reach
from ops.shown.terminal import complain, print_json
from worker.db.engine import transact
from worker.db.sharing import providers
from worker.services.sharing import invalidate


def pause(provider: Provider, data: RunningOn = None, as_json: AsJson = False) -> None:
    """Send a provider nothing, withdrawals included, until it is resumed; what is due waits."""
    reach(data)
    with asking(), operated() as hub:
        is_new = transact(hub.engine, partial(providers.pause, provider=known_provider(hub, provider)))
    paused = f"{'' if is_new else 'already '}paused; withdrawals wait, too. To go on: permit-hub resume {provider}"
    _answer(provider, {"paused": True, "changed": is_new}, paused, as_json=as_json)


def resume(provider: Provider, data: RunningOn = None, as_json: AsJson = False) -> None:
    """Send a paused provider what has become due."""
    reach(data)
    with asking(), operated() as hub:
        is_new = transact(hub.engine, partial(providers.resume, provider=known_provider(hub, provider)))
    words = "resumed" if is_new else "was not paused"
    _answer(provider, {"paused": False, "changed": is_new}, words, as_json=as_json)


def reaffirm(
    provider: Provider,
    since: Annotated[
        datetime,
        typer.Option(
            parser=read_moment,
            metavar="TIME",
            help="Its confirmations since then may be lost: 2026-09-16T03:00, in the city's time unless it says so.",
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
    _answer(provider, {"shares": count}, f"{count:,} to be sent again", as_json=as_json)


def _answer(provider: str, answer: dict[str, object], words: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"provider": provider} | answer)
    else:
        typer.echo(f"{provider}: {words}")
