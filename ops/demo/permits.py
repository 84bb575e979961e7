"""The scenes of a permit's life: taken over, requested, renewed."""

from datetime import timedelta
from uuid import UUID

from ops.demo import account
from ops.demo.stage import Stage, expect
from ops.shown.space import button
from schemas.space import Card, CardStatus


def the_account(stage: Stage) -> list[Card]:
    """Import the three permits of the residents' guide, and check that the screen is the guide's."""
    stage.tell.scene(
        "The resident's screen",
        "The city's former system hands over one resident's three permits. The hub decides which actions each card "
        "offers today, and their prices.",
    )
    permits = account.existing_permits(stage.today)
    receipt = stage.submit("permit.import", "three permits", permits=permits)
    expect(receipt.rows and all(row.applied for row in receipt.rows), "all three permits are taken over")
    cards = list(stage.space().cards)
    stage.tell.cards(cards)
    expect([card.plate for card in cards] == ["EF-367-QS", "PO-456-VB", "AA-111-AA"], "three cards, in this order")
    active, lapsed, cancelled = cards
    expect_card(
        active,
        CardStatus.ACTIVE,
        "Changer de véhicule",
        "Changer d'adresse (Gratuit)",
        "Voir le détail",
    )
    expect(active.valid_until == account.in_a_year(stage.today), "EF-367-QS is valid for a year")
    expect_card(lapsed, CardStatus.ACTIVE, "Changer d'adresse (10 €)", "Renouvellement", "Voir le détail")
    expect(lapsed.valid_until == stage.today - timedelta(days=1), "PO-456-VB ended yesterday")
    expect_card(cancelled, CardStatus.CANCELLED_BY_RESIDENT, "Voir le détail")
    stage.tell.checked("the three cards of the residents' guide, action by action and price by price")
    return cards


def a_new_request(stage: Stage) -> None:
    """Request a permit, have an agent approve it, pay, and find it active."""
    stage.tell.scene(
        "A new request",
        "The resident asks for a permit for a motorbike. The city's web app could not verify the vehicle, so an agent "
        "decides. Then the resident pays.",
    )
    about = {"resident_id": account.RESIDENT, "permit_id": account.REQUESTED}
    stage.submit(
        "permit.request",
        f"{account.REQUESTED_PLATE}, two-wheeler, one year",
        **about,
        plate={"raw": account.REQUESTED_PLATE},
        profile=account.TWO_WHEELER,
        years=1,
        address=account.ADDRESS,
        zones=account.ZONES,
        verified=account.verified(address=account.ADDRESS),
    )
    expect_card(show(stage, account.REQUESTED), CardStatus.SUBMITTED, "Annuler", "Voir le détail")
    stage.submit("permit.decide", "the agent approves", **about, decision="approve", decided_by="agent-17")
    expect_card(
        show(stage, account.REQUESTED), CardStatus.AWAITING_PAYMENT, "Payer (22,50 €)", "Annuler", "Voir le détail"
    )
    stage.submit(
        "permit.confirm_payment", "22,50 € received", **about, payment_reference="PAY-DEMO-1", amount_cents=22_50
    )
    card = show(stage, account.REQUESTED)
    expect(
        (card.status, card.valid_until) == (CardStatus.ACTIVE, account.in_a_year(stage.today)), "active for one year"
    )


def the_renewal(stage: Stage) -> None:
    """Renew the permit that ended yesterday, and pay: only then is it valid again."""
    stage.tell.scene(
        "The renewal", "PO-456-VB ended yesterday. The resident renews it for a year. Once paid, it is active."
    )
    about = {"resident_id": account.RESIDENT, "permit_id": account.LAPSED}
    stage.submit("permit.renew", "one year more", **about, years=1)
    card = show(stage, account.LAPSED)
    expect_card(card, CardStatus.ACTIVE, "Payer (45 €)", "Annuler", "Voir le détail")
    expect(card.valid_until == stage.today - timedelta(days=1), "an unpaid renewal adds no validity")
    stage.submit("permit.confirm_payment", "45 € received", **about, payment_reference="PAY-DEMO-2", amount_cents=45_00)
    card = show(stage, account.LAPSED)
    expect(card.valid_from == stage.today, "after a lapse the new term starts on the day of payment")
    expect(card.valid_until == account.in_a_year(stage.today), "the new term lasts a year")
    expect_card(card, CardStatus.ACTIVE, "Changer de véhicule", "Changer d'adresse (Gratuit)", "Voir le détail")


def show(stage: Stage, permit_id: UUID) -> Card:
    """Show one card of the resident's screen, and return it."""
    card = stage.card(permit_id)
    stage.tell.cards([card])
    return card


def expect_card(card: Card, status: CardStatus, *buttons: str) -> None:
    """Check a card's status and its buttons with their prices, in the screen's words and order."""
    found = [button(action) for action in card.actions]
    expect(card.status is status, f"{card.plate} is {status}, not {card.status}")
    expect(found == list(buttons), f"{card.plate} offers {', '.join(buttons)}, not {', '.join(found)}")
