"""Server-sent events with the latest version of the space; a page with an older one reads it again."""

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
BEAT_SECONDS = 15.0  # a page connects again after more than two of these without an event
STREAM_SECONDS = 600.0  # then the page connects again, which checks its session
RETRY_MS = 1_000


async def events(request: Request) -> Response:
    """Stream the version of a resident's space to an open page."""
    resident = session.signed_in(request)
    return EventSourceResponse(_states(resident.resident_id), ping=3_600)  # the page's script sees no pings


async def _states(resident_id: str) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="hello", retry=RETRY_MS)
    end = time.monotonic() + STREAM_SECONDS
    try:
        async with hub().aio.watch(resident_id) as watch:  # first watch, then read: no event is missed
            while time.monotonic() < end:
                space = await space_of(resident_id)
                yield ServerSentEvent(event="state", data=state(space))
                while (event := await watch.next(BEAT_SECONDS)) is not None and event["type"] != RESUMED:
                    epoch = space["epoch"] if space else 0
                    yield ServerSentEvent(event="state", data=f"{epoch}/{event['sequence']}/")
    except HubError:
        return  # the page connects again


def state(space: Space | None) -> str:
    """Return the state that a page compares with its own: epoch, version, day of the actions, digest of the shares.

    Shares can change without an event, and so without a new version: a repair that no job asked for has none.
    """
    if space is None:
        return f"0/0/{today()}/"
    held = [*space["consent"]["providers"], *space["public_task"]]
    digest = hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:8]
    return f"{space['epoch']}/{space['version']}/{today()}/{digest}"


routes = [Route(EVENTS, events)]
