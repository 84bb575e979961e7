"""The hub as the operator's commands see it: its database and Redis, without its workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import typer

from ops.commands.options import complain
from worker.hub import Hub, make_hub
from worker.settings import settings


@contextmanager
def operated() -> Iterator[Hub]:
    """Wire the hub that the environment names; what a command makes due, the workers' sweep finds within seconds."""
    hub = make_hub(settings(), send_kick=_leave_to_the_sweep)
    try:
        yield hub
    finally:
        hub.engine.dispose()
        hub.live.client.close()


def known_provider(hub: Hub, name: str) -> str:
    """Return the name of a provider of this installation.

    Raises:
        typer.Exit: it is none.
    """
    if name not in hub.capabilities:
        complain(f"{name} is not a provider here. There are: {', '.join(hub.capabilities)}.")
        raise typer.Exit(2)
    return name


def moment(hub: Hub, value: datetime | None) -> datetime | None:
    """Return a moment with its time zone: the city's, unless one was given."""
    return value if value is None or value.tzinfo is not None else value.replace(tzinfo=hub.zone)


def _leave_to_the_sweep(_provider: str) -> None:
    raise ConnectionError
