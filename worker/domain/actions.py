"""What a resident can do on a card, and at what price."""

from datetime import date

from schemas.space import Action, ActionName
from worker.domain.permit import Permit, address_change_cents
from worker.domain.tariffs import Tariffs


def actions(permit: Permit, today: date, tariffs: Tariffs) -> tuple[Action, ...]:
    """Return a card's buttons, in the order of the resident's screen; prices in cents of a euro.

    A renewal names no price: it depends on the years that the resident then chooses.
    """
    offered: list[Action] = []
    if (payable := permit.payable(today)) is not None:
        offered.append(Action(name=ActionName.PAY, price_cents=payable.price_cents))
    if permit.can_change:
        renewal_open = permit.renewal_open(today, tariffs)
        if not renewal_open:
            offered.append(Action(name=ActionName.CHANGE_VEHICLE))
        price = address_change_cents(permit, today, tariffs)
        offered.append(Action(name=ActionName.CHANGE_ADDRESS, price_cents=price))
        if renewal_open and tariffs.knows(permit.profile):
            offered.append(Action(name=ActionName.RENEW))
    if permit.can_cancel:
        offered.append(Action(name=ActionName.CANCEL))
    offered.append(Action(name=ActionName.DETAILS))
    return tuple(offered)
