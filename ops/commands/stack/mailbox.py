"""`permit-hub mailbox [show]`: what the embedded stack has sent to residents."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import tzinfo
from mailbox import NoSuchMailboxError
from pathlib import Path
from typing import Annotated

import typer

from integrations.sandbox.server import city_zone
from ops.commands.options import DEFAULT_DATA, AsJson, Data
from ops.embedded.mailbox import messages_below
from ops.mailbox.reading import Head, body, head
from ops.mailbox.store import Store, Stored
from ops.shown.stack.mailbox import document, document_in_full, print_list, print_one
from ops.shown.terminal import complain, in_lines, print_json

LISTED = 100
HEAD_BYTES = 65_536  # the list reads no more of a message than this

app = typer.Typer(
    name="mailbox",
    help="What the stack that runs on --data has sent to residents: nothing of it leaves this machine.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
)


@dataclass(frozen=True, slots=True)
class Given:
    """The options that stood before the name of a subcommand."""

    data: Path
    as_json: bool


@app.callback()
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="The most to list.", min=1, max=100_000)] = LISTED,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """List the messages that have arrived, the newest last."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a subject may be in any script
    context.obj = Given(data, as_json)
    if context.invoked_subcommand is not None:
        return
    store = _open(data)
    stored = store.list()
    found = list(_heads(store, stored[-limit:]))
    if as_json:
        print_json({"messages": [document(*one) for one in found], "count": len(stored)})
        return
    print_list(found, len(stored), _zone())


@app.command()
def show(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="N", help="The message's number, as the list has it.")],
    html: Annotated[bool, typer.Option("--html", help="Print its HTML part alone.")] = False,
    source: Annotated[bool, typer.Option("--source", help="Print all of it, as it was sent.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", readable=False, help="The data folder, if not given before `show`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show one as a person reads it: its headers of interest, then its text."""
    given: Given = context.obj
    as_json = as_json or given.as_json
    if html + source + as_json > 1:
        raise typer.BadParameter("choose one of --html, --source and --json")
    store = _open(data or given.data)
    message, raw = _message(store, number)
    if source:
        _print_source(raw)
        return
    top, content = head(raw), body(raw)
    if as_json:
        print_json(document_in_full(message, top, content))
    elif html:
        _print_html(content.html)
    else:
        print_one(message, top, content, _zone())


def _open(data: Path) -> Store:
    """Open the mailbox of a data folder.

    Raises:
        typer.Exit: it has none.
    """
    try:
        messages_below(data).stat()
        return Store(messages_below(data))
    except (FileNotFoundError, NotADirectoryError, NoSuchMailboxError):
        complain(f"No stack has had a mailbox on {data}. Start one with `permit-hub up`.")
    except OSError as error:
        complain(f"{data} cannot be read: {error.strerror}. The user who started the stack can.")
    raise typer.Exit(1)


def _heads(store: Store, stored: Iterable[Stored]) -> Iterator[tuple[Stored, Head]]:
    for message in stored:
        with suppress(KeyError):  # a stack is just dropping its old messages
            yield message, head(store.read(message, HEAD_BYTES))


def _message(store: Store, number: int) -> tuple[Stored, bytes]:
    """Return one message.

    Raises:
        typer.Exit: no message has that number.
    """
    stored = store.list()
    if 1 <= number <= len(stored):
        message = stored[number - 1]
        with suppress(KeyError):
            return message, store.read(message)
    complain(f"There is no message {number}; there are {len(stored):,}.")
    raise typer.Exit(1)


def _print_source(raw: bytes) -> None:
    """Write every byte to a file or a pipe, but only harmless characters to a terminal."""
    if sys.stdout.isatty():
        print(in_lines(raw.decode("utf-8", "replace")))
    else:
        sys.stdout.buffer.write(raw)


def _print_html(html: str | None) -> None:
    if html is None:
        complain("It has no HTML part.")
        raise typer.Exit(1)
    print(in_lines(html))


def _zone() -> tzinfo:
    try:
        return city_zone()
    except ValueError as error:
        complain(str(error))
        raise typer.Exit(1) from None
