"""`permit-hub`: the operator's command line."""

import typer

from ops.commands import access, consent_texts, dead_letters, extra, keys, requests, restore
from ops.commands.migrate import migrate
from ops.commands.outlook import outlook
from ops.commands.providers import pause, reaffirm, resume
from ops.commands.reconcile import reconcile
from ops.commands.space import space
from ops.commands.status import status
from ops.commands.submit import submit

app = typer.Typer(
    name="permit-hub",
    help="Run and watch the permit hub.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print local variables, and those hold secrets
)
app.add_typer(extra.commands())
for command in (migrate, submit, space, status, outlook, reconcile, reaffirm, pause, resume):
    app.command()(command)
app.add_typer(requests.app)
app.add_typer(dead_letters.app)
app.add_typer(access.app)
app.add_typer(restore.app)
app.add_typer(keys.app)
app.add_typer(consent_texts.app)


@app.callback()
def permit_hub() -> None:
    """Run and watch the permit hub."""


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
