"""Find the hub of a command: the stack that runs on a data folder, or the hub that the environment names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from kombu.exceptions import OperationalError
from permit_hub_client import Hub, HubError
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from ops import running
from ops.commands.options import DEFAULT_DATA, SOURCE
from ops.shown.terminal import complain
from worker.domain.keys import AnotherHashKeyError
from worker.settings import Settings

PREFIX = "PERMIT_HUB_"
SECRETS = Path("/run/secrets")

RunningOn = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar=f"{PREFIX}DATA",
        readable=False,
        help="The data folder of a running `permit-hub up`. "
        f"Unless given: the hub that the other {PREFIX}… variables name, else {DEFAULT_DATA}.",
    ),
]


def reach(data: Path | None) -> None:
    """Set the process's environment variables for the hub of the command.

    Raises:
        typer.Exit: no stack runs there.
    """
    named = SECRETS.is_dir() or any(name.startswith(PREFIX) for name in os.environ)
    if data is None and named:
        return
    folder = data or DEFAULT_DATA
    try:
        found = running.find(folder)
    except OSError as error:
        complain(f"{folder} cannot be read: {error.strerror}. The user who started the stack can.")
        raise typer.Exit(1) from None
    if found is None:
        complain(
            f"No stack runs on {folder}. Start one with `permit-hub up`, "
            f"or name a hub: set {PREFIX}REDIS_URL, {PREFIX}DATABASE_URL and {PREFIX}HASH_KEY."
        )
        raise typer.Exit(1)
    os.environ.update(found.environment)


def hub_client(configured: Settings) -> Hub:
    """Return a client that sends jobs as the operator."""
    key = configured.source_key
    return Hub(
        configured.redis_url,
        source=SOURCE,
        key=None if key is None else key.get_secret_value(),
        prefix=configured.redis_prefix,
        authority=configured.redis_authority,
    )


@contextmanager
def asking() -> Iterator[None]:
    """Turn a server that does not answer into one line and exit code 1, without the server's own words."""
    try:
        yield
    except HubError as error:
        complain(f"The hub gave no answer: {error}.")
    except (RedisError, OperationalError) as error:
        complain(f"Redis ({PREFIX}REDIS_URL) does not answer: {type(error).__name__}.")
    except AnotherHashKeyError as error:
        complain(f"{error}.")
    except SQLAlchemyError as error:
        complain(f"The database does not answer: {type(error).__name__}. Is its URL right, and is it migrated?")
    else:
        return
    raise typer.Exit(1)
