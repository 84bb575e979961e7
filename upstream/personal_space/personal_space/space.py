"""The pages without forms of their own: home, the resident's space, and the recipients of their data."""

from permit_hub_client import Catalogue, Space
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from personal_space import session
from personal_space.forms import ConsentForm
from personal_space.hub import WAIT_SECONDS, catalogue, hub, space_of, today
from personal_space.page import go, render

IN_PLACE = "x-in-place"
"""The header of a form that an open space sends by its script: the answer is the space itself, without a redirect."""


async def home(request: Request) -> Response:
    """Show the home page."""
    return render(request, "home.html")


async def healthy(_request: Request) -> Response:
    """Answer a health check."""
    return PlainTextResponse("ok")


async def space(request: Request) -> Response:
    """Show the resident's permits and consent."""
    resident = session.signed_in(request)
    found = await space_of(resident.resident_id) or empty(await catalogue())
    return render(
        request,
        "space.html",
        space=found,
        consent=found["consent"],
        reminders=found.get("reminders"),  # missing in a document of a hub without reminders, until midnight at most
        form=ConsentForm.of(request),
    )


async def changed(request: Request, place: str) -> Response:
    """Show the space after a change: to an open space at once, else by a redirect to the place of the change."""
    return await space(request) if IN_PLACE in request.headers else go(place)


async def recipients(request: Request) -> Response:
    """Show which provider holds or held what, since when, by which decision."""
    resident = session.signed_in(request)
    found = await space_of(resident.resident_id)
    history = await hub().aio.history(resident.resident_id, wait=WAIT_SECONDS)
    return render(request, "recipients.html", space=found, history=history)


def empty(known: Catalogue) -> Space:
    """Return the space of a resident who is new to the hub: no card, and no choice yet."""
    return {
        "resident_id": "",
        "epoch": 0,
        "version": 0,
        "as_of": today(),
        "cards": [],
        "consent": {
            "version": 0,
            "updated_at": None,
            "providers": [
                {"provider": name, "allowed": False, "state": "nothing", "confirmed_at": None}
                for name in known["consent_providers"]
            ],
        },
        "reminders": {"channel": "email", "email_known": False, "email_refused_at": None},
        "public_task": [],
    }


routes = [
    Route("/", home),
    Route("/sante", healthy),
    Route("/espace", space),
    Route("/destinataires", recipients),
]
