"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

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
