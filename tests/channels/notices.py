"""One notice of each kind, about fictional residents."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from integrations.channels.base import Bill, Notice, Occasion, Unpaid
from schemas.jobs import Language

ADDRESS = "zoe.nobody@exemple.fr"
NAME = "Zoë Exemple"
PLATE = "QJ-817-XK"

EXPIRY = Notice(
    reminder_id=UUID("3d9d41ac-9c3a-4a4a-a3a5-6f6f3c1f9d10"),
    token=UUID("7b0f1f0c-8f62-4d0c-8f0d-3c3f5c2f5a11"),
    occasion=Occasion.EXPIRY,
    language=Language.FR,
    name=NAME,
    address=ADDRESS,
    plate=PLATE,
    last_day=date(2025, 9, 16),
    days_left=30,
)


def _payment(unpaid: Unpaid, cents: int, days_left: int) -> Notice:
    day = date(2025, 9, 16)
    return replace(EXPIRY, occasion=Occasion.PAYMENT, days_left=days_left, bill=Bill(unpaid, cents, day))


_TO_PAY = replace(EXPIRY, bill=Bill(Unpaid.RENEWAL, 4500, date(2025, 10, 1)))

NOTICES = {
    "expiry_ahead": EXPIRY,
    "expiry_tomorrow": replace(EXPIRY, last_day=date(2025, 12, 31), days_left=1),
    "expiry_today": replace(EXPIRY, days_left=0),
    "expiry_lapsed": replace(EXPIRY, days_left=-3),
    "expiry_to_pay": _TO_PAY,
    "expiry_to_pay_tomorrow": replace(_TO_PAY, days_left=1),
    "expiry_to_pay_today": replace(_TO_PAY, days_left=0),
    "expiry_to_pay_lapsed": replace(_TO_PAY, days_left=-1),
    "payment_request": _payment(Unpaid.REQUEST, 2250, 5),
    "payment_request_today": _payment(Unpaid.REQUEST, 9000, 0),
    "payment_renewal": _payment(Unpaid.RENEWAL, 4500, 1),
    "payment_address": _payment(Unpaid.ADDRESS, 1000, 5),
}
"""Notices by kind, one for each template."""
