"""Notify the app of a payment; try again if it does not answer."""

import asyncio
import re
from dataclasses import dataclass
from enum import Enum

import httpx2
from itsdangerous import URLSafeTimedSerializer

from personal_space.stand_ins.payment.order import Order

SALT = "payment.notification"
ANSWER_SECONDS = 10.0
PAUSES = (0.5, 1.0)  # before each further attempt, in seconds; the resident is waiting
_ALREADY = "payment_already_confirmed"
_CODE = re.compile(r"[a-z0-9_]{1,64}")


class Outcome(Enum):
    """The outcome of a payment."""

    CONFIRMED = "confirmed"
    ALREADY = "already"
    REFUSED = "refused"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Answer:
    """The app's answer to a notification, with its code if it refused the payment."""

    outcome: Outcome
    code: str = ""


async def notify(order: Order, secret: str) -> Answer:
    """Notify the app of a payment, again if it does not answer; sign each attempt freshly."""
    async with httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
        for attempt, pause in enumerate((*PAUSES, None)):
            answer = await _notify_once(client, order, secret)
            if answer.outcome is Outcome.ALREADY and attempt > 0:
                return Answer(Outcome.CONFIRMED)  # by an attempt whose answer was lost
            if answer.outcome is not Outcome.PENDING or pause is None:
                return answer
            await asyncio.sleep(pause)
    raise AssertionError("the last attempt has no pause after it")


async def _notify_once(client: httpx2.AsyncClient, order: Order, secret: str) -> Answer:
    notification = {
        "payment_reference": f"PAY-{order.reference}",
        "amount_cents": order.amount_cents,
        "resident_id": order.resident_id,
        "permit_id": order.permit_id,
        "order_reference": order.reference,
    }
    signed = URLSafeTimedSerializer(secret, salt=SALT).dumps(notification)
    try:
        response = await client.post(order.callback_url, json={"notification": signed})
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return Answer(Outcome.PENDING)
    if response.is_success:
        return Answer(Outcome.CONFIRMED)
    if not response.is_client_error:
        return Answer(Outcome.PENDING)
    code = _code(response)
    if response.status_code == httpx2.codes.CONFLICT and code == _ALREADY:
        return Answer(Outcome.ALREADY)
    return Answer(Outcome.REFUSED, code)


def _code(response: httpx2.Response) -> str:
    try:
        document = response.json()
    except ValueError:
        return ""
    code = document.get("error") if isinstance(document, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""
