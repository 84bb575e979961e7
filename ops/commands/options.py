"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        envvar="PERMIT_HUB_DATA",
        readable=False,  # the command itself says why another user's folder is refused
        help="The folder in which the embedded stack keeps its data.",
    ),
]
DEFAULT_DATA = Path(".data")

SOURCE = "cli"  # the source of jobs that an operator sends

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
