"""Messages as the operator's side shows them: as JSON objects, in a list, as a person reads one."""

import unicodedata
from collections.abc import Sequence
from datetime import tzinfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.commands.printed import table, to_the_minute, to_the_second
from ops.mailbox.reading import Body, Head
from ops.mailbox.store import Stored

OF_INTEREST = (
    "From",
    "To",
    "Reply-To",
    "Date",
    "Subject",
    "Message-ID",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Auto-Submitted",
)
REPLACED = "\N{REPLACEMENT CHARACTER}"


def document(message: Stored, head: Head) -> dict[str, object]:
    """Return what is listed of a message as one JSON object."""
    return {
        "number": message.number,
        "arrived_at": message.arrived_at,
        "to": head.recipients,
        "from": head.first("From"),
        "subject": head.first("Subject"),
    }


def document_in_full(message: Stored, head: Head, body: Body) -> dict[str, object]:
    """Return all of a message but what is attached to it."""
    return document(message, head) | {"headers": head.headers, "text": body.text, "html": body.html}


def print_list(found: Sequence[tuple[Stored, Head]], count: int, zone: tzinfo) -> None:
    """Print messages as a table, the newest last; times in the city's zone."""
    console = _console()
    if not found:
        console.print("No messages.")
        return
    made = table(f"Messages: {count:,}", "no.", "arrived", "to", "subject", right=frozenset({"no."}))
    for message, head in found:
        arrived = to_the_minute(message.arrived_at, zone)
        to, subject = ", ".join(head.recipients), head.first("Subject") or ""
        made.add_row(str(message.number), arrived, Text(in_one_line(to)), Text(in_one_line(subject)))
    console.print(made)
    if count > len(found):
        console.print(f"{count - len(found):,} earlier ones: see --limit", style="dim")


def print_one(message: Stored, head: Head, body: Body, zone: tzinfo) -> None:
    """Print one as a person reads it: where from and where to, then the text."""
    console = _console()
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim")
    made.add_column(overflow="fold")
    made.add_row("arrived", to_the_second(message.arrived_at, zone))
    made.add_row("delivered to", Text(in_one_line(", ".join(head.recipients))))
    for name in OF_INTEREST:
        value = head.first(name)
        if value is not None:
            made.add_row(name, Text(in_one_line(value)))
    console.print(made)
    console.print()
    if body.text is None:
        console.print("It has no text to read: see --html or --source.", style="dim")
    else:
        print(in_lines(body.text).rstrip())


def in_one_line(text: str) -> str:
    """Return a text that cannot steer a terminal, as one line."""
    return " ".join(in_lines(text).split())


def in_lines(text: str) -> str:
    """Return a text that cannot steer a terminal: neither its cursor nor the direction of writing."""
    return "".join(map(_harmless, text.replace("\r\n", "\n")))


def _harmless(character: str) -> str:
    spaces = character in "\n\t" or unicodedata.category(character) == "Zs"  # French needs those that do not break
    return character if spaces or character.isprintable() else REPLACED


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)  # subjects are what somebody wrote
