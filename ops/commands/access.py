"""`permit-hub access`: who may reach the hub's Redis, and what each may do there."""

from typing import Annotated

import typer

from integrations.private_files import new_secret
from ops import redis_rights
from ops.commands.options import AsJson
from ops.redis_rights import Role
from ops.shown.terminal import complain, print_json, say
from worker.settings import Settings

PREFIX = "PERMIT_HUB_REDIS_PREFIX"

app = typer.Typer(name="access", no_args_is_help=True)


@app.callback()
def access() -> None:
    """Say who may reach the hub's Redis, and what each may do there."""


@app.command()
def redis(
    name: Annotated[str, typer.Argument(help="The user, such as the name of a web app.", metavar="USER")],
    role: Annotated[Role, typer.Option(help="What the user is.")] = Role.UPSTREAM,
    prefix: Annotated[str, typer.Option(envvar=PREFIX, help="What the hub's keys begin with.")] = Settings.model_fields[
        "redis_prefix"
    ].default,
    residents: Annotated[
        list[str] | None,
        typer.Option(metavar="BEGINNING", help="A web app reads spaces of residents whose ids begin so; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Invent a password for a user of Redis, and print the user's line for Redis' users file (`aclfile`).

    The line holds the password's hash alone. The password is told once, beside it; after `ACL LOAD` it is good.
    """
    password = new_secret()
    try:
        line = redis_rights.user(name, role, password, prefix, residents or [""])
    except ValueError as error:
        complain(f"{error}.")
        raise typer.Exit(2) from None
    if as_json:
        print_json({"user": name, "role": role, "password": password, "line": line})
    else:
        typer.echo(line)
        say(f"The password of {name}, told this once: {password}")
