"""The settings and the hub of a test, made without Celery and without the environment."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Protocol

from integrations.base import Adapter, Limit
from worker.hub import Hub, make_hub
from worker.limiter import Limiter
from worker.services.sharing.lane import Lane
from worker.settings import Settings

AT_ONCE = 0.001  # seconds of an answer
LONG_AGO = 10_000.0  # seconds before the loop's time


class Deliver(Protocol):
    def __call__(self, *names: str) -> bool: ...


def read_settings(environment: Mapping[str, str], **changed: object) -> Settings:
    """Return the settings of a process with these variables, except for the changes."""
    names = {name.removeprefix("PERMIT_HUB_").lower(): value for name, value in environment.items()}
    known = {name: value for name, value in names.items() if name in Settings.model_fields}
    return Settings(**known | changed)  # type: ignore[arg-type]


@contextmanager
def running_hub(settings: Settings, send_wake_up: Callable[[str], None]) -> Iterator[Hub]:
    """Wire a hub, and close its connections afterwards."""
    hub = make_hub(settings, send_wake_up)
    try:
        yield hub
    finally:
        hub.engine.dispose()
        hub.live.client.close()


def lane_of(hub: Hub, adapter: Adapter, *limits: Limit) -> Lane:
    """Return a lane to a provider that has always answered at once, so its window is as wide as may be."""
    configured = hub.settings
    lane = Lane(hub, adapter, Limiter(configured.redis_url, configured.redis_prefix, adapter.name, limits))
    answers = count()
    while lane.window.routine < lane.window.most - lane.window.kept:
        lane.window.note_answer(-LONG_AGO + next(answers), AT_ONCE, lane.window.routine)
    return lane
