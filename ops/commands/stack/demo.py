"""`permit-hub demo`: the main job, end to end, on a stack of its own."""

import json
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer
from permit_hub_client import Hub, HubError
from rich.console import Console

from integrations.sandbox.control import Control
from ops.commands.operated import INTERRUPTED
from ops.commands.options import DEFAULT_DATA, AsJson
from ops.demo.narrator import Narrator
from ops.demo.play import play
from ops.demo.stage import Stage, UnexpectedError
from ops.embedded.children.start import ChildFailedError
from ops.embedded.folders import UnusableFolderError, data_folder
from ops.embedded.servers import AlreadyRunningError
from ops.embedded.signals import end_when_asked
from ops.embedded.stack import Stack
from ops.mailbox.store import Store
from ops.shown.terminal import complain, messages
from worker.settings import settings

SOURCE = "demo"
FOLDER = "demo"  # apart from the data of `permit-hub up`, since each demo starts with an empty database


def demo(
    as_json: AsJson = False,
    data: Annotated[
        Path,
        typer.Option(
            "--data", readable=False, help=f"The folder below which the demo keeps a stack of its own, in {FOLDER}/."
        ),
    ] = DEFAULT_DATA,
) -> None:
    """Play the main job through the real queue, check it, and stop everything."""
    console = messages if as_json else Console()
    stack = Stack(data / FOLDER, with_web_app=False, fresh=True, report=complain)
    try:
        end_when_asked()
        data_folder(data)
        figures = _run(stack, console)
    except KeyboardInterrupt:
        console.print("Interrupted; everything has been stopped.")
        raise typer.Exit(INTERRUPTED) from None
    except (AlreadyRunningError, ChildFailedError, UnusableFolderError) as error:
        complain(str(error))
        raise typer.Exit(1) from None
    except UnexpectedError as error:
        complain(f"The demo failed. It expected that {error}. The processes' logs are in {stack.servers.logs}.")
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(figures, indent=2, ensure_ascii=False))


def _run(stack: Stack, console: Console) -> dict[str, object]:
    started = time.monotonic()
    console.print("[bold]permit-hub[/]: the main job, end to end, on a stack of its own", highlight=False)
    console.print(
        "PostgreSQL, Valkey, five providers' sandboxes, a mail server, workers, beat and Flower",
        style="dim",
        highlight=False,
    )
    with console.status("starting") as status:
        stack.start(status.update)
    try:
        _say(console, f"started in {time.monotonic() - started:.1f} s")
        os.environ.update(stack.environment)
        configured = settings()
        with (
            Hub(stack.broker_url, source=SOURCE, prefix=configured.redis_prefix) as hub,
            Control(stack.sandboxes.url) as control,
        ):
            today = datetime.now(configured.zone).date()
            mailbox = Store(stack.mailbox.access.messages, create=True)
            return play(Stage(hub, control, mailbox, Narrator(console, configured.zone), today))
    except HubError as error:
        raise UnexpectedError(f"the hub answers ({error})") from None
    except httpx.HTTPError as error:
        raise UnexpectedError(f"the providers' sandboxes answer ({type(error).__name__})") from None
    finally:
        stack.stop()
        console.print()
        _say(console, f"stopped; it took {time.monotonic() - started:.1f} s in all")


def _say(console: Console, words: str) -> None:
    console.print(words, style="dim", highlight=False)
