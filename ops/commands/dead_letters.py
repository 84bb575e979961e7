"""`permit-hub dead-letters list | show | retry | discard`: shares that a provider refused for good."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, tzinfo
from functools import partial
from itertools import groupby
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from ops.commands.operated import Provider, known_provider, moment, operated, read_moment, tally
from ops.commands.options import AsJson, complain
from ops.commands.printed import print_json, table, to_the_minute, to_the_second
from ops.commands.reach import RunningOn, asking, reach
from worker.db.engine import transact
from worker.db.sharing import dead_letters as rows
from worker.db.sharing.dead_letters import Attempt, Choice, DeadLetter, Group
from worker.hub import Hub
from worker.services.sharing import dead_letters as service

LISTED = 20
STILL = {
    "held": "its removal is not confirmed yet",
    "kept": "it keeps what it held of the same person and plate",
}

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
    _print_list(found, groups, hub)


@app.command()
def show(
    permit: Annotated[UUID, typer.Argument(metavar="PERMIT", help="The permit's id.")],
    provider: Provider,
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """Show one, with the latest requests about it; never what was sent, of which the hub keeps no copy."""
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
    _print_one(letter, attempts, hub)


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
    """Take off the list those of which the provider holds nothing; it is told nothing until the truth changes."""
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


def grouped(groups: Sequence[Group], zone: tzinfo) -> Table:
    """Return a table of dead letters by provider and code."""
    made = table("Dead letters", "provider", "code", "count", "since", "last", right=frozenset({"count"}))
    for one in groups:
        moments = (to_the_minute(at, zone) for at in (one.first_failure, one.last_failure))
        made.add_row(one.provider, one.code, f"{one.count:,}", *moments)
    return made


def _print_list(found: Sequence[DeadLetter], groups: Sequence[Group], hub: Hub) -> None:
    console = Console(highlight=False)
    if not found:
        console.print("No dead letters.")
        return
    console.print(grouped(groups, hub.zone))
    console.print()
    for (provider, code), group in groupby(sorted(found, key=_kind), key=_kind):
        made = table(f"{provider}, {code}", "permit", "first failure", "last failure", "")
        for letter in group:
            moments = (to_the_minute(at, hub.zone) for at in (letter.first_failure, letter.last_failure))
            made.add_row(str(letter.permit_id), *moments, _still(letter))
        console.print(made)
        console.print()
    for word, meaning in STILL.items():
        if any(_still(letter) == word for letter in found):
            console.print(f"{word}: {meaning}", style="dim")
    console.print("all of a kind again: permit-hub dead-letters retry --provider NAME --code CODE", style="dim")
    left = sum(group.count for group in groups) - len(found)
    if left > 0:
        console.print(f"{left:,} more: see --limit", style="dim")


def _still(letter: DeadLetter) -> str:
    return "held" if letter.removing else "kept" if letter.kept else ""


def _print_one(letter: DeadLetter, attempts: Sequence[Attempt], hub: Hub) -> None:
    console = Console(highlight=False)
    there = STILL.get(_still(letter), "it holds nothing of this permit")
    console.print(f"{letter.provider} refused it: {letter.code}; {there}")
    console.print(f"failing since {to_the_second(letter.first_failure, hub.zone)}")
    console.print()
    made = table("The latest requests about it", "sent at", "what", "on decision", "ended", "code")
    for attempt in attempts:
        decision = "–" if attempt.consent_version is None else str(attempt.consent_version)
        what = "removal" if attempt.removal else "put"
        sent_at = to_the_second(attempt.sent_at, hub.zone)
        made.add_row(sent_at, what, decision, attempt.outcome or "–", attempt.code or "–")
    console.print(made)


def _kind(letter: DeadLetter) -> tuple[str, str]:
    return letter.provider, letter.code
