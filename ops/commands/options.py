"""Options and outputs that several commands share."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Data = Annotated[
    Path,
    typer.Option("--data", envvar="PERMIT_HUB_DATA", help="The folder in which the embedded stack keeps its data."),
]
DEFAULT_DATA = Path(".data")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]

messages = Console(stderr=True)  # standard output carries results only
