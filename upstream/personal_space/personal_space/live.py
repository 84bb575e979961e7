"""Server-sent events: which version of the space is the latest, for pages that show an older one to read it again."""

import hashlib
import json
import time
from collections.abc import AsyncIterator

from permit_hub_client import RESUMED, HubError, Space
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from personal_space import session
from personal_space.hub import hub, space_of, today

EVENTS = "/evenements"
BEAT_SECONDS = 15.0  # a page that hears nothing for longer than two of these connects again
STREAM_SECONDS = 600.0  # then it connects again, if its session still lasts
RETRY_MS = 1_000


async def events(request: Request) -> Response:
    """Tell one resident's pages, for as long as they listen, which version there is to be seen."""
    resident = session.signed_in(request)
    return EventSourceResponse(_states(resident.resident_id), ping=3_600)  # its own comments do not reach the page


async def _states(resident_id: str) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="hello", retry=RETRY_MS)
    end = time.monotonic() + STREAM_SECONDS
    try:
        async with hub().aio.watch(resident_id) as watch:  # first watch, then read: nothing is missed in between
            while time.monotonic() < end:
                space = await space_of(resident_id)
                yield ServerSentEvent(event="state", data=state(space))
                while (event := await watch.next(BEAT_SECONDS)) is not None and event["type"] != RESUMED:
                    epoch = space["epoch"] if space else 0
                    yield ServerSentEvent(event="state", data=f"{epoch}/{event['sequence']}/")
    except HubError:
        return  # the page connects again


def state(space: Space | None) -> str:
    """Return what a page compares with what it shows: epoch, version, the day that actions hold for, who holds what.

    Who holds what may change without an event, and so without a version, when nobody asked for it.
    """
    if space is None:
        return f"0/0/{today()}/"
    held = [*space["consent"]["providers"], *space["public_task"]]
    digest = hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:8]
    return f"{space['epoch']}/{space['version']}/{today()}/{digest}"


routes = [Route(EVENTS, events)]
