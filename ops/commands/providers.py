"""`permit-hub pause | resume | reaffirm PROVIDER`: what an operator does about a provider as a whole."""

import json
from datetime import datetime
from functools import partial
from typing import Annotated

import typer

from ops.commands.operated import known_provider, moment, operated
from ops.commands.options import AsJson, messages
from ops.commands.reach import RunningOn, asking, reach
from worker.db import providers
from worker.db.engine import transact
from worker.services import doubt
from worker.services.lane import tell_providers

Provider = Annotated[str, typer.Argument(metavar="PROVIDER", help="The provider's name.")]


def pause(provider: Provider, data: RunningOn = None, as_json: AsJson = False) -> None:
    """Send a provider nothing, removals included, until it is resumed; what is due waits."""
    reach(data)
    with asking(), operated() as hub:
        is_new = transact(hub.engine, partial(providers.pause, provider=known_provider(hub, provider)))
        tell_providers(hub)
    _answer(as_json, provider, {"paused": True, "changed": is_new}, "paused" if is_new else "was paused already")


def resume(provider: Provider, data: RunningOn = None, as_json: AsJson = False) -> None:
    """Send a paused provider what has become due."""
    reach(data)
    with asking(), operated() as hub:
        is_new = transact(hub.engine, partial(providers.resume, provider=known_provider(hub, provider)))
        tell_providers(hub)
    _answer(as_json, provider, {"paused": False, "changed": is_new}, "resumed" if is_new else "was not paused")


def reaffirm(
    provider: Provider,
    since: Annotated[
        datetime, typer.Option(help="Since when what it confirmed is in doubt, in the city's time unless it says so.")
    ],
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """Send a provider again all that it confirmed since a moment, removals included: it has restored a backup."""
    reach(data)
    with asking(), operated() as hub:
        start = moment(hub, since)
        assert start is not None
        count = 0
        with messages.status("doubting") as status:
            for done in doubt.reaffirm(hub, known_provider(hub, provider), start):
                count += done
                status.update(f"doubting: {count:,} shares")
    _answer(as_json, provider, {"shares": count}, f"{count:,} shares are sent again")


def _answer(as_json: bool, provider: str, answer: dict[str, object], words: str) -> None:
    if as_json:
        typer.echo(json.dumps({"provider": provider} | answer))
    else:
        typer.echo(f"{provider}: {words}")
