"""Messages of the mailbox: as JSON, as a list, and one in full."""

from collections.abc import Sequence
from datetime import tzinfo

from rich.text import Text

from ops.mailbox.reading import Body, Head
from ops.mailbox.store import Stored
from ops.shown.tables import details, print_left_out, table
from ops.shown.terminal import in_lines, in_one_line, results
from ops.shown.times import to_the_minute, to_the_second

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


def document(message: Stored, head: Head) -> dict[str, object]:
    """Return a message of the list as one JSON object."""
    return {
        "number": message.number,
        "arrived_at": message.arrived_at,
        "to": head.recipients,
        "from": head.first("From"),
        "subject": head.first("Subject"),
    }


def document_in_full(message: Stored, head: Head, body: Body) -> dict[str, object]:
    """Return a message without its attachments as one JSON object."""
    return document(message, head) | {"headers": head.headers, "text": body.text, "html": body.html}


def print_list(found: Sequence[tuple[Stored, Head]], count: int, zone: tzinfo) -> None:
    """Print messages as a table, the newest last; times in the city's zone."""
    console = results()
    if not found:
        console.print("No messages.")
        return
    made = table(f"Messages: {count:,}", "no.", "arrived", "to", "subject", right=frozenset({"no."}))
    for message, head in found:
        arrived = to_the_minute(message.arrived_at, zone)
        to, subject = ", ".join(head.recipients), head.first("Subject") or ""
        made.add_row(str(message.number), arrived, Text(in_one_line(to)), Text(in_one_line(subject)))
    console.print(made)
    print_left_out(console, count - len(found), "earlier ones")


def print_one(message: Stored, head: Head, body: Body, zone: tzinfo) -> None:
    """Print one in full: its headers of interest, then its text."""
    console = results()
    made = details()
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
