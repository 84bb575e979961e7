"""Tables that fit 80 columns."""

from rich.console import Console
from rich.table import Table
from rich.text import Text


def table(title: str, *headings: str, right: frozenset[str] = frozenset()) -> Table:
    """Return an empty table without lines; the headings named in `right` are of figures."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for heading in headings:
        # Folded, not cut: the end of a setting's name is what tells it from others.
        made.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    return made


def details() -> Table:
    """Return an empty table of two columns: a name, and its value."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim")
    made.add_column(overflow="fold")
    return made


def figure(count: int) -> Text:
    """Return a figure that is red unless it is 0."""
    return Text(f"{count:,}", style="red" if count else "")


def print_left_out(console: Console, count: int, what: str = "more") -> None:
    """Print how many rows the option --limit left out, if any."""
    if count > 0:
        console.print(f"{count:,} {what}: see --limit", style="dim")
