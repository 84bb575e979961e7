"""`permit-hub demo`: the main job, end to end, on a stack of its own."""

import json
import os
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from permit_hub_client import Hub, HubError
from rich.console import Console

from integrations.sandbox.control import Control
from ops.commands.options import AsJson, messages
from ops.demo.narrator import Narrator
from ops.demo.play import play
from ops.demo.stage import Stage, UnexpectedError
from ops.embedded.child import ChildFailedError
from ops.embedded.folders import UnusableFolderError
from ops.embedded.servers import AlreadyRunningError
from ops.embedded.stack import Stack
from worker.settings import settings

SOURCE = "demo"
INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended


def demo(
    as_json: AsJson = False,
    data: Annotated[
        Path,
        typer.Option("--data", help="The folder in which the demo keeps a stack of its own; begun anew each time."),
    ] = Path(".data/demo"),
) -> None:
    """Play the main job through the real queue, check it, and stop everything."""
    console = messages if as_json else Console()
    stack = Stack(data, anew=True, report=lambda line: console.print(line, markup=False, highlight=False))
    for asked_to_end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked_to_end, signal.default_int_handler)
    try:
        figures = _run(stack, console)
    except KeyboardInterrupt:
        console.print("interrupted; everything is stopped")
        raise typer.Exit(INTERRUPTED) from None
    except (AlreadyRunningError, ChildFailedError, UnusableFolderError) as error:
        messages.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except UnexpectedError as error:
        messages.print(f"The demo failed. Expected: {error}", style="red", markup=False, highlight=False)
        messages.print(f"The processes' logs are in {stack.servers.logs}", markup=False, highlight=False)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(figures, indent=2))


def _run(stack: Stack, console: Console) -> dict[str, object]:
    started = time.monotonic()
    with console.status("starting") as status:
        stack.start(status.update)
    try:
        os.environ.update(stack.environment)
        configured = settings()
        with (
            Hub(configured.redis_url, source=SOURCE, prefix=configured.redis_prefix) as hub,
            Control(stack.sandbox_url) as control,
        ):
            console.print(f"started in {time.monotonic() - started:.1f} s")
            today = datetime.now(configured.zone).date()
            figures = play(Stage(hub, control, Narrator(console, configured.zone), today))
    except HubError as error:
        raise UnexpectedError(f"an answer of the hub ({error})") from None
    finally:
        stack.stop()
    console.print(f"stopped; {time.monotonic() - started:.1f} s in all")
    return figures
