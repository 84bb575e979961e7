"""Reminders: the resident's own choice, and the link in each of them that stops them all without signing in (RFC 8058).

Whoever has the link may stop them, and learns nothing by it: its token is a secret, in no log and no Referer.
"""

from asyncio import Semaphore
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from personal_space import session
from personal_space.forms import RemindersForm
from personal_space.hub import space_of, submit
from personal_space.page import go, render
from personal_space.words import refusal

REMINDERS = "/espace#rappels"
STOP = "/rappels/arreter/"
"""What each reminder's link begins with; the token follows."""

RETRY_SECONDS = 120  # until a mail program may try again
_stopping = Semaphore(8)  # anybody may send anything there: residents' own jobs wait behind so many at most


async def choose(request: Request) -> Response:
    """Record the choice; the last one counts, so that each click is a job of its own."""
    resident = session.signed_in(request)
    form = RemindersForm.of(request, await request.form())
    if not form.validate():
        return await _show_current(request, resident.resident_id, form, 422)
    receipt = await submit("resident.choose_reminders", resident_id=resident.resident_id, channel=form.channel.data)
    if receipt is None:
        return render(request, "reminders.html", 503, reminders=None, form=form)
    if receipt.refused:
        form.refuse(None, refusal(receipt.code, receipt.field))
        return await _show_current(request, resident.resident_id, form, 409)
    return go(REMINDERS)


async def _show_current(request: Request, resident_id: str, form: RemindersForm, status: int) -> Response:
    """Show what is in force, to be chosen anew."""
    space = await space_of(resident_id)
    if space is None:
        return go(REMINDERS)
    return render(request, "reminders.html", status, reminders=space["reminders"], form=form)


async def shown_again(request: Request) -> Response:
    """Lead whoever reloads the page of a choice to where it is made."""
    session.signed_in(request)
    return go(REMINDERS)


async def ask(request: Request) -> Response:
    """Ask for the one click; what follows links by itself, such as a scanner of mail, changes nothing."""
    return _answer(request, "asked") if _token(request) else _answer(request, "unknown", 404)


async def stop(request: Request) -> Response:
    """Stop the reminders of whoever was sent the link, at once: a mail program asks nobody anything more.

    Each time it is a job of its own, so that a link works again once reminders were taken up again.
    """
    token = _token(request)
    if token is None:
        return _answer(request, "unknown", 404)
    receipt = None
    if not _stopping.locked():
        async with _stopping:
            receipt = await submit("reminders.stop", token=token)
    if receipt is None:
        answer = _answer(request, "away", 503)
        answer.headers["retry-after"] = str(RETRY_SECONDS)
        return answer
    return _answer(request, "stopped") if receipt.applied else _answer(request, "unknown", 404)


def _answer(request: Request, state: str, status: int = 200) -> Response:
    return render(request, "stop_reminders.html", status, state=state)


def _token(request: Request) -> UUID | None:
    try:
        return UUID(request.path_params["token"])
    except ValueError:
        return None


routes = [
    Route("/rappels", choose, methods=["POST"]),
    Route("/rappels", shown_again),
    Route(STOP + "{token:path}", stop, methods=["POST"]),
    Route(STOP + "{token:path}", ask),
]
