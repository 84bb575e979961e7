"""`permit-hub dead-letters list | show | retry | discard`: shares that a provider refused for good."""

from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import typer

from ops.commands.operated import Provider, known_provider, moment, operated, read_moment, tally
from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, reach
from ops.shown.dead_letters import print_list, print_one
from ops.shown.terminal import complain, print_json
from worker.db.engine import transact
from worker.db.sharing import dead_letters as rows
from worker.db.sharing.dead_letters import Choice
from worker.hub import Hub
from worker.services.sharing import dead_letters as service

LISTED = 20

app = typer.Typer(
    name="dead-letters",
    help="Shares that a provider refused for good. What it held is removed; one that needs no consent keeps it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

OfProvider = Annotated[str | None, typer.Option("--provider", metavar="PROVIDER", help="Of this provider only.")]
WithCode = Annotated[str | None, typer.Option("--code", metavar="CODE", help="With this code only.")]
Since = Annotated[
    datetime | None,
    typer.Option("--since", parser=read_moment, metavar="TIME", help="Whose last failure is not before, city time."),
]
Until = Annotated[
    datetime | None,
    typer.Option("--until", parser=read_moment, metavar="TIME", help="Whose last failure is before, city time."),
]
OfPermit = Annotated[UUID | None, typer.Option("--permit", metavar="PERMIT", help="Of this permit only.")]
Everything = Annotated[bool, typer.Option("--all", help="All of them; needed when nothing else says which.")]


@app.command("list")
def list_(
    provider: OfProvider = None,
    code: WithCode = None,
    since: Since = None,
    until: Until = None,
    permit: OfPermit = None,
    limit: Annotated[int, typer.Option(help="The most to list.", min=1, max=100_000)] = LISTED,
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """List them by provider and code, the longest dead first."""
    reach(data)
    with asking(), operated() as hub:
        choice = _choice(hub, provider, code, since, until, permit)
        found = transact(hub.engine, partial(rows.find, choice=choice, limit=limit))
        groups = transact(hub.engine, partial(rows.groups, choice=choice))
    if as_json:
        print_json({"dead_letters": list(map(asdict, found)), "counts": list(map(asdict, groups))})
        return
    print_list(found, groups, hub.zone)


@app.command()
def show(
    permit: Annotated[UUID, typer.Argument(metavar="PERMIT", help="The permit's id.")],
    provider: Provider,
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """Show one, with the latest requests about it. The hub keeps no copy of the data that was sent."""
    reach(data)
    with asking(), operated() as hub:
        choice = Choice(known_provider(hub, provider), permit_id=permit)
        found = transact(hub.engine, partial(rows.find, choice=choice, limit=1))
        attempts = transact(hub.engine, partial(rows.history, permit_id=permit, provider=provider))
    if not found:
        complain(f"{provider} has no dead letter of this permit.")
        raise typer.Exit(1)
    (letter,) = found
    if as_json:
        print_json(asdict(letter) | {"attempts": [asdict(attempt) for attempt in attempts]})
        return
    print_one(letter, attempts, hub.zone)


@app.command()
def retry(
    provider: OfProvider = None,
    code: WithCode = None,
    since: Since = None,
    until: Until = None,
    permit: OfPermit = None,
    everything: Everything = False,
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """Send again: not what was refused, but what today's truth wants."""
    reach(data)
    with asking(), operated() as hub:
        choice = _demanded(_choice(hub, provider, code, since, until, permit), everything=everything)
        count = tally(service.retry(hub, choice), "retrying")
    if as_json:
        print_json({"dead_letters": count})
    else:
        typer.echo(f"{count:,} to be sent again")


@app.command()
def discard(
    provider: OfProvider = None,
    code: WithCode = None,
    since: Since = None,
    until: Until = None,
    permit: OfPermit = None,
    everything: Everything = False,
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """Take dead letters off the list if the provider holds nothing. It is sent nothing until the truth changes."""
    reach(data)
    with asking(), operated() as hub:
        choice = _demanded(_choice(hub, provider, code, since, until, permit), everything=everything)
        count = tally(service.discard(hub, choice), "discarding")
        left = sum(group.count for group in transact(hub.engine, partial(rows.groups, choice=choice)))
    if as_json:
        print_json({"dead_letters": count, "left": left})
        return
    typer.echo(f"{count:,} discarded")
    if left:
        typer.echo(f"{left:,} left: the provider may still hold something of them")


def _choice(
    hub: Hub,
    provider: str | None,
    code: str | None,
    since: datetime | None,
    until: datetime | None,
    permit: UUID | None,
) -> Choice:
    name = None if provider is None else known_provider(hub, provider)
    return Choice(name, code, moment(hub, since), moment(hub, until), permit)


def _demanded(choice: Choice, *, everything: bool) -> Choice:
    """Return the choice if it says which dead letters are meant.

    Raises:
        typer.Exit: it does not.
    """
    if choice == Choice() and not everything:
        complain("Say which (--provider, --code, --since, --until, --permit), or --all.")
        raise typer.Exit(2)
    return choice
