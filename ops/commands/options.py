"""Options and outputs that several commands share."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        envvar="PERMIT_HUB_DATA",
        readable=False,  # one that is another user's is refused in words of our own
        help="The folder in which the embedded stack keeps its data.",
    ),
]
DEFAULT_DATA = Path(".data")

SOURCE = "cli"  # how jobs typed by an operator are named in the hub's records

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]

messages = Console(stderr=True)  # standard output carries results only


def complain(words: str) -> None:
    """Say on standard error what went wrong, in one paragraph."""
    messages.print(words, style="red", markup=False, highlight=False, soft_wrap=True)
