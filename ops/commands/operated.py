"""The hub as the operator's commands see it: its database and Redis, without its workers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer

from ops.shown.terminal import complain, messages
from worker import log
from worker.domain.sources import SourcesError
from worker.domain.tariffs import TariffsError
from worker.hub import Hub, make_hub
from worker.settings import SettingsError, settings

INTERRUPTED = 130  # a shell's exit code for a command that Ctrl-C ended

Provider = Annotated[str, typer.Argument(metavar="PROVIDER", help="The provider's name, as `status` shows it.")]


@contextmanager
def operated() -> Iterator[Hub]:
    """Wire the hub that the environment names. The workers' sweep finds within seconds what a command makes due.

    Raises:
        SettingsError: its settings are missing or wrong.
    """
    log.configure()  # to standard error: standard output is for results
    try:
        hub = make_hub(settings(), send_wake_up=lambda provider: hub.live.wake_ups.end(provider))
    except TariffsError as error:
        raise SettingsError(f"PERMIT_HUB_TARIFFS is wrong: {error}") from None
    except SourcesError as error:
        raise SettingsError(f"PERMIT_HUB_SOURCES is wrong: {error}") from None
    try:
        yield hub
    finally:
        hub.engine.dispose()
        hub.live.client.close()


def known_provider(hub: Hub, name: str) -> str:
    """Return the name if it is a provider of this installation.

    Raises:
        typer.Exit: it is not.
    """
    if name not in hub.capabilities:
        complain(f"{name} is not a provider here. There are: {', '.join(hub.capabilities)}.")
        raise typer.Exit(2)
    return name


def read_moment(text: str) -> datetime:
    """Read a time from the command line.

    Raises:
        typer.BadParameter: it is not a time.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-09-16T03:00 or 2026-09-16.") from None


def moment(hub: Hub, value: datetime | None) -> datetime | None:
    """Return a moment with a time zone: its own, or else the city's."""
    return value if value is None or value.tzinfo is not None else value.replace(tzinfo=hub.zone)


def tally(slices: Iterable[int], doing: str) -> int:
    """Work through slices, show the progress, and return the total count.

    Raises:
        typer.Exit: it was interrupted; the slices before that stay done.
    """
    count = 0
    try:
        with messages.status(doing) as status:
            for done in slices:
                count += done
                status.update(f"{doing}: {count:,}")
    except KeyboardInterrupt:
        complain(f"Interrupted after {count:,}; these stand, the others are as they were.")
        raise typer.Exit(INTERRUPTED) from None
    return count
