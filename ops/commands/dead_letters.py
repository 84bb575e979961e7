"""`permit-hub dead-letters list | show | retry | discard`: shares that a provider refused for good."""

import json
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from ops.commands.operated import moment, operated
from ops.commands.options import AsJson, complain
from ops.commands.reach import RunningOn, asking, reach
from ops.screen import PROVIDERS
from worker.db import dead_letters as rows
from worker.db.dead_letters import Attempt, Choice, DeadLetter
from worker.db.engine import transact
from worker.hub import Hub
from worker.services import dead_letters as service

LISTED = 100

app = typer.Typer(
    name="dead-letters",
    help="Shares that a provider refused for good: it holds nothing of them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

OfProvider = Annotated[str | None, typer.Option("--provider", help="Of this provider only.")]
WithCode = Annotated[str | None, typer.Option("--code", help="With this code only.")]
Since = Annotated[datetime | None, typer.Option("--since", help="Whose last failure is not before, city time.")]
Until = Annotated[datetime | None, typer.Option("--until", help="Whose last failure is before, city time.")]
Everything = Annotated[bool, typer.Option("--all", help="All of them; needed when nothing else says which.")]


@app.command("list")
def list_(
    provider: OfProvider = None,
    code: WithCode = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(help="The most to list.", min=1, max=100_000)] = LISTED,
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """List them, the longest dead first, and count them by provider and code."""
    reach(data)
    with asking(), operated() as hub:
        choice = _choice(hub, provider, code, since, until)
        found = transact(hub.engine, partial(rows.find, choice=choice, limit=limit))
        counts = transact(hub.engine, partial(rows.count, choice=choice))
        zone = hub.zone
    if as_json:
        letters = [asdict(letter) for letter in found]
        totals = [{"provider": name, "code": why, "count": count} for (name, why), count in counts.items()]
        typer.echo(json.dumps({"dead_letters": letters, "counts": totals}, default=str))
        return
    console = Console()
    table = _columns("Dead letters", "permit", "provider", "code", "first failure", "last failure", "there now")
    for letter in found:
        moments = (f"{at.astimezone(zone):%d/%m/%Y %H:%M:%S}" for at in (letter.first_failure, letter.last_failure))
        table.add_row(str(letter.permit_id), _title(letter.provider), letter.code, *moments, _now(letter))
    console.print(table)
    for (name, why), count in counts.items():
        console.print(f"{_title(name)}: {count:,} × {why}", style="dim", highlight=False)


@app.command()
def show(
    permit: Annotated[UUID, typer.Argument(metavar="PERMIT", help="The permit's id.")],
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="The provider's name.")],
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """Show one, with the latest requests about it; never what was sent, of which the hub keeps no copy."""
    reach(data)
    with asking(), operated() as hub:
        found = transact(hub.engine, partial(rows.find, choice=Choice(provider, permit_id=permit), limit=1))
        attempts = transact(hub.engine, partial(rows.history, permit_id=permit, provider=provider))
        zone = hub.zone
    if not found:
        complain("That is not a dead letter.")
        raise typer.Exit(1)
    (letter,) = found
    if as_json:
        told = asdict(letter) | {"attempts": [asdict(attempt) for attempt in attempts]}
        typer.echo(json.dumps(told, default=str))
        return
    table = _columns(f"{_title(provider)} refused it: {letter.code}", "sent at", "what", "on decision", "ended", "code")
    for attempt in attempts:
        table.add_row(f"{attempt.sent_at.astimezone(zone):%d/%m/%Y %H:%M:%S}", *_words(attempt))
    Console().print(table)


@app.command()
def retry(
    provider: OfProvider = None,
    code: WithCode = None,
    since: Since = None,
    until: Until = None,
    permit: Annotated[UUID | None, typer.Option(help="Of this permit only.")] = None,
    everything: Everything = False,
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """Send again: not what was refused, but what today's truth wants."""
    reach(data)
    with asking(), operated() as hub:
        choice = _choice(hub, provider, code, since, until, permit)
        _demand_a_choice(choice, everything=everything)
        _answer(as_json, sum(service.retry(hub, choice)), "sent again")


@app.command()
def discard(
    provider: OfProvider = None,
    code: WithCode = None,
    since: Since = None,
    until: Until = None,
    permit: Annotated[UUID | None, typer.Option(help="Of this permit only.")] = None,
    everything: Everything = False,
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """Take off the list; the provider holds nothing of them, and is told nothing until the truth changes."""
    reach(data)
    with asking(), operated() as hub:
        choice = _choice(hub, provider, code, since, until, permit)
        _demand_a_choice(choice, everything=everything)
        _answer(as_json, sum(service.discard(hub, choice)), "discarded")


def _choice(
    hub: Hub,
    provider: str | None,
    code: str | None,
    since: datetime | None,
    until: datetime | None,
    permit: UUID | None = None,
) -> Choice:
    return Choice(provider, code, moment(hub, since), moment(hub, until), permit)


def _demand_a_choice(choice: Choice, *, everything: bool) -> None:
    if choice == Choice() and not everything:
        complain("Say which (--provider, --code, --since, --until, --permit), or --all.")
        raise typer.Exit(2)


def _answer(as_json: bool, count: int, words: str) -> None:
    typer.echo(json.dumps({"dead_letters": count}) if as_json else f"{count:,} {words}")


def _columns(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading == "permit")
    return table


def _title(provider: str) -> str:
    return PROVIDERS.get(provider, provider)


def _now(letter: DeadLetter) -> str:
    return "being removed" if letter.removing else "nothing"


def _words(attempt: Attempt) -> tuple[str, ...]:
    decision = "–" if attempt.consent_version is None else str(attempt.consent_version)
    return "removal" if attempt.removal else "put", decision, attempt.outcome or "–", attempt.code or "–"
