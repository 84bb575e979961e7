"""Server-sent events: which version of the space is the latest, for pages that show an older one to read it again."""

from collections.abc import AsyncIterator

from permit_hub_client import RESUMED, HubError
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from personal_space import session
from personal_space.hub import hub, space_of, today

EVENTS = "/evenements"
BEAT_SECONDS = 15.0  # a page that hears nothing for longer than two of these connects again
RETRY_MS = 1_000


async def events(request: Request) -> Response:
    """Tell one resident's pages, for as long as they listen, which version there is to be seen."""
    resident = session.signed_in(request)
    return EventSourceResponse(_states(resident.resident_id), ping=3_600)  # its own comments do not reach the page


async def _states(resident_id: str) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="hello", retry=RETRY_MS)
    try:
        async with hub().aio.watch(resident_id) as watch:  # first watch, then read: nothing is missed in between
            version = await _version(resident_id)
            while True:
                yield ServerSentEvent(event="state", data=state(version, today()))
                event = await watch.next(BEAT_SECONDS)
                if event is not None:
                    resumed = event["type"] == RESUMED
                    version = await _version(resident_id) if resumed else max(version, event["sequence"])
    except HubError:
        return  # the page connects again


async def _version(resident_id: str) -> int:
    space = await space_of(resident_id)
    return space["version"] if space else 0


def state(version: int, day: str) -> str:
    """Return what a page compares with what it shows: the space's version, and the day that its actions hold for."""
    return f"{version}/{day}"


routes = [Route(EVENTS, events)]
