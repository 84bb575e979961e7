"""`permit-hub demo` and `permit-hub drill-restore`: stories on a stack of their own."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ops.commands.options import DEFAULT_DATA, AsJson
from ops.commands.stack.staged import staged
from ops.demo.drill import play as play_drill
from ops.demo.play import play
from ops.shown.terminal import messages

FOLDER = "demo"  # apart from the data of `permit-hub up`, since each starts with an empty database
Below = Annotated[
    Path,
    typer.Option("--data", readable=False, help=f"The folder below which it keeps a stack of its own, in {FOLDER}/."),
]


def demo(as_json: AsJson = False, data: Below = DEFAULT_DATA) -> None:
    """Play the main job through the real queue, check it, and stop everything."""
    console = messages if as_json else Console()
    title = "the main job, end to end"
    figures = staged(title, data, FOLDER, console, "demo", lambda _, stage: play(stage))
    if as_json:
        typer.echo(json.dumps(figures, indent=2, ensure_ascii=False))


def drill_restore(data: Below = DEFAULT_DATA) -> None:
    """Restore a backup under running workers, and see that what was withdrawn or erased since does not come back."""
    staged("a database that goes back in time", data, FOLDER, Console(), "drill", play_drill)
