"""Payments: the app sends the resident to the payment service; its signed notification confirms the payment.

Orders and notifications are signed with a secret that the app and the payment service share, and have a timestamp. An
order's reference is the debt's id. The notification repeats it, so that the payment counts for this debt only. The hub
takes each payment reference once, so a replayed notification confirms nothing.
"""

from uuid import UUID

from itsdangerous import BadData, URLSafeTimedSerializer
from permit_hub_client import Card, HubError, PendingChange
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from personal_space import language, session, words
from personal_space.forms import PageForm
from personal_space.hub import WAIT_SECONDS, hub, log, log_unavailable
from personal_space.language import gettext
from personal_space.page import go, render
from personal_space.permits import offered
from personal_space.session import Resident
from personal_space.settings import settings

NOTIFICATION = "/paiement/notification"
FIELDS = ("resident_id", "permit_id", "payment_reference", "amount_cents")
ORDER_REFERENCE = "order_reference"  # optional; with it the payment counts for that debt only
FRESH_SECONDS = 300  # an older notification is a copy: the service signs each one when it sends it


async def pay(request: Request, resident: Resident, card: Card) -> Response:
    """Show the price, then redirect to the payment service."""
    change = await _pending_change(resident, card)
    if change is None:
        session.leave_notice(request, words.refusal("action_not_offered", None))
        return go(f"/droits/{card['permit_id']}")
    form = PageForm.of(request, await request.form() if request.method == "POST" else None)
    if request.method != "POST" or not form.validate():
        cents = change["price_cents"]
        return render(request, "pay.html", 422 if form.errors else 200, form=form, card=card, cents=cents)
    order = {
        "reference": UUID(change["debt_id"]).hex,  # the same in every tab: the payment service takes it once
        "amount_cents": change["price_cents"],
        "label": gettext("Stationnement résidentiel"),
        "resident_id": resident.resident_id,
        "permit_id": card["permit_id"],
        "callback_url": settings().url + NOTIFICATION,
        "return_url": f"{settings().url}/espace",
        "language": language.current(),
    }
    return go(f"{settings().payment_url}?order={_signer('payment.order').dumps(order)}")


async def _pending_change(resident: Resident, card: Card) -> PendingChange | None:
    """Return a permit's unpaid change; None if it was paid or cancelled meanwhile."""
    history = await hub().aio.history(resident.resident_id, wait=WAIT_SECONDS)
    waiting = [one["pending"] for one in history["permits"] if one["permit_id"] == card["permit_id"]] if history else []
    return waiting[0] if waiting else None


async def notified(request: Request) -> Response:
    """Confirm a payment to the hub; the payment service repeats its notification after a 503."""
    try:
        notification = (await request.json())["notification"]
        payment = _signer("payment.notification").loads(notification, max_age=FRESH_SECONDS)
        fields = {name: payment[name] for name in FIELDS}
        if ORDER_REFERENCE in payment:
            fields["debt_id"] = str(UUID(payment[ORDER_REFERENCE]))
    except (AttributeError, BadData, KeyError, RecursionError, TypeError, ValueError):
        return JSONResponse({"error": "invalid_notification"}, 400)
    try:
        receipt = await hub().aio.submit(
            "permit.confirm_payment",
            wait=WAIT_SECONDS,
            **fields,
        )
    except HubError as error:
        log_unavailable(error)
        return JSONResponse({"error": "not_confirmed"}, 503)
    if receipt.refused:
        log.warning("payment.refused %s code=%s", fields["payment_reference"], receipt.code)
        return JSONResponse({"error": receipt.code}, 409)
    return JSONResponse({"outcome": "confirmed"})


def _signer(purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().payment_secret.get_secret_value(), salt=purpose)


routes = [
    Route("/droits/{permit_id:uuid}" + words.PATHS["pay"], offered("pay", pay), methods=["GET", "POST"]),
    Route(NOTIFICATION, notified, methods=["POST"]),
]
