"""Reminders: the resident's choice, and the link in each reminder that stops them all without signing in (RFC 8058).

The link's token is a secret: it is in no log and no Referer. A holder of the link can stop the reminders, and learns
nothing from it.
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
from personal_space.space import changed
from personal_space.words import refusal

REMINDERS = "/espace#rappels"
STOP = "/rappels/arreter/"
"""The path of the link, up to the token."""

RETRY_SECONDS = 120  # when a mail program may try again
_stopping = Semaphore(8)  # anyone may send such requests: residents' jobs wait behind at most 8 of them


async def choose(request: Request) -> Response:
    """Record the choice; each click is a job of its own, and the last one counts."""
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
    return await changed(request, REMINDERS)


async def _show_current(request: Request, resident_id: str, form: RemindersForm, status: int) -> Response:
    """Show the current choice and ask for another."""
    space = await space_of(resident_id)
    if space is None:
        return go(REMINDERS)
    return render(request, "reminders.html", status, reminders=space["reminders"], form=form)


async def reloaded(request: Request) -> Response:
    """Redirect a reload of the answer page to the reminders form."""
    session.signed_in(request)
    return go(REMINDERS)


async def ask(request: Request) -> Response:
    """Ask for a click. A GET changes nothing, as mail scanners follow links."""
    return _answer(request, "asked") if _token(request) else _answer(request, "unknown", 404)


async def stop(request: Request) -> Response:
    """Stop the reminders of the link's resident, without a question: mail programs send this request (RFC 8058).

    Each request is a job of its own, so the link still works after reminders were resumed.
    """
    token = _token(request)
    if token is None:
        return _answer(request, "unknown", 404)
    receipt = None
    if not _stopping.locked():
        async with _stopping:
            receipt = await submit("reminders.stop", token=token)
    if receipt is None:
        answer = _answer(request, "unavailable", 503)
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
    Route("/rappels", reloaded),
    Route(STOP + "{token:path}", stop, methods=["POST"]),
    Route(STOP + "{token:path}", ask),
]
