"""Paying: the resident is led to the payment service, whose signed notification becomes the confirmation.

An order and a notification are signed with a secret that the app and the payment service share; both say when they were
made. The payment's reference counts once in the hub, so that a notification replayed confirms nothing.
"""

from uuid import UUID, uuid5

from itsdangerous import BadData, URLSafeTimedSerializer
from permit_hub_client import Card, HubError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from personal_space import language, words
from personal_space.forms import PageForm
from personal_space.hub import WAIT_SECONDS, hub, log, note
from personal_space.language import gettext
from personal_space.page import go, render
from personal_space.permits import offered
from personal_space.session import Resident
from personal_space.settings import settings

NOTIFICATION = "/paiement/notification"
TOLD = ("resident_id", "permit_id", "payment_reference", "amount_cents")
FRESH_SECONDS = 300  # an older notification is somebody's copy: the service signs anew each time


async def pay(request: Request, resident: Resident, card: Card) -> Response:
    """Show what is to be paid, then lead to the payment service."""
    (cents,) = (one["price_cents"] or 0 for one in card["actions"] if one["name"] == "pay")
    form = PageForm.of(request, await request.form() if request.method == "POST" else None)
    if request.method != "POST" or not form.validate():
        return render(request, "pay.html", 422 if form.errors else 200, form=form, card=card, cents=cents)
    order = {
        "reference": await _reference(resident, card, cents),
        "amount_cents": cents,
        "label": gettext("Stationnement résidentiel"),
        "resident_id": resident.resident_id,
        "permit_id": card["permit_id"],
        "callback_url": settings().url + NOTIFICATION,
        "return_url": f"{settings().url}/espace",
        "language": language.current(),
    }
    return go(f"{settings().payment_url}?order={_signer('payment.order').dumps(order)}")


async def _reference(resident: Resident, card: Card, cents: int) -> str:
    """Return what a debt is called: the same in every tab, so that the payment service takes it once."""
    history = await hub().aio.history(resident.resident_id, wait=WAIT_SECONDS)
    waiting = [one["pending"] for one in history["permits"] if one["permit_id"] == card["permit_id"]] if history else []
    until = waiting[0]["pay_by"] if waiting and waiting[0] else None
    return uuid5(UUID(card["permit_id"]), f"{cents} {until}").hex


async def notified(request: Request) -> Response:
    """Confirm a payment to the hub; the payment service asks again whenever the answer is not its last."""
    try:
        notification = (await request.json())["notification"]
        payment = _signer("payment.notification").loads(notification, max_age=FRESH_SECONDS)
        told = {name: payment[name] for name in TOLD}
    except (BadData, KeyError, RecursionError, TypeError, ValueError):
        return JSONResponse({"error": "invalid_notification"}, 400)
    try:
        receipt = await hub().aio.submit(
            "permit.confirm_payment",
            wait=WAIT_SECONDS,
            **told,
        )
    except HubError as error:
        note(error)
        return JSONResponse({"error": "not_confirmed"}, 503)
    if receipt.refused:
        log.warning("payment.refused %s code=%s", told["payment_reference"], receipt.code)
        return JSONResponse({"error": receipt.code}, 409)
    return JSONResponse({"outcome": "confirmed"})


def _signer(purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().payment_secret.get_secret_value(), salt=purpose)


routes = [
    Route("/droits/{permit_id:uuid}" + words.PATHS["pay"], offered("pay", pay), methods=["GET", "POST"]),
    Route(NOTIFICATION, notified, methods=["POST"]),
]
