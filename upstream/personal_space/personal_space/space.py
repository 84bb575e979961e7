"""The pages that show: the way in, the resident's own space, and who received their data."""

from permit_hub_client import Catalogue, Space
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from personal_space import session
from personal_space.forms import ConsentForm
from personal_space.hub import WAIT_SECONDS, catalogue, hub, space_of, today
from personal_space.page import render


async def home(request: Request) -> Response:
    """Show what the service is for."""
    return render(request, "home.html")


async def healthy(_request: Request) -> Response:
    """Answer that the process serves."""
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
        reminders=found.get("reminders"),  # none in one that the hub made before it had any, until midnight at most
        form=ConsentForm.of(request),
    )


async def recipients(request: Request) -> Response:
    """Show who holds or held what, since when, on which decision."""
    resident = session.signed_in(request)
    found = await space_of(resident.resident_id)
    history = await hub().aio.history(resident.resident_id, wait=WAIT_SECONDS)
    return render(request, "recipients.html", space=found, history=history)


def empty(known: Catalogue) -> Space:
    """Return the space of somebody whom the hub does not know yet: no card, and a choice still to be made."""
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
