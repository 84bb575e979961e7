"""A story played on a stack of its own: started, played through the real queue, checked, and stopped."""

import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import httpx
import typer
from permit_hub_client import HubError
from rich.console import Console

from integrations.sandbox.control import Control
from ops.commands.operated import INTERRUPTED
from ops.demo.narrator import Narrator
from ops.demo.stage import Stage, UnexpectedError
from ops.embedded.children.start import ChildFailedError
from ops.embedded.folders import UnusableFolderError, data_folder
from ops.embedded.servers import AlreadyRunningError
from ops.embedded.signals import end_when_asked
from ops.embedded.stack import Stack
from ops.mailbox.store import Store
from ops.shown.terminal import complain
from worker.settings import settings

T = TypeVar("T")


def staged(title: str, data: Path, folder: str, console: Console, name: str, play: Callable[[Stack, Stage], T]) -> T:
    """Play a story on an empty stack below `data`, in `folder`, and stop everything.

    Raises:
        typer.Exit: it could not be played, or something was not as promised.
    """
    stack = Stack(data / folder, with_web_app=False, fresh=True, report=complain)
    try:
        end_when_asked()
        data_folder(data)
        return _run(title, stack, console, play)
    except KeyboardInterrupt:
        console.print("Interrupted; everything has been stopped.")
        raise typer.Exit(INTERRUPTED) from None
    except (AlreadyRunningError, ChildFailedError, UnusableFolderError) as error:
        complain(str(error))
        raise typer.Exit(1) from None
    except UnexpectedError as error:
        complain(f"The {name} failed. It expected that {error}. The processes' logs are in {stack.servers.logs}.")
        raise typer.Exit(1) from None


def _run(title: str, stack: Stack, console: Console, play: Callable[[Stack, Stage], T]) -> T:
    started = time.monotonic()
    console.print(f"[bold]permit-hub[/]: {title}, on a stack of its own", highlight=False)
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
            stack.client() as hub,
            Control(stack.sandboxes.url) as control,
        ):
            today = datetime.now(configured.zone).date()
            mailbox = Store(stack.mailbox.access.messages, create=True)
            return play(stack, Stage(hub, control, mailbox, Narrator(console, configured.zone), today))
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
