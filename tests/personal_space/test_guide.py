"""The residents' guide, chapter by chapter, in a browser and on the whole stack, including the providers' copies.

Its dates are relative to today; its texts are exact.
"""

import re
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from personal_space.stand_ins.accounts import Account
from playwright.sync_api import expect

from ops.demo.account import ACTIVE_PLATE, existing_permits
from ops.shown.space import APPS
from tests.personal_space.browser_steps import (
    ALLOW,
    REFUSE,
    cards,
    day,
    pay,
    permit_id,
    provider,
    request_permit,
    shown,
    sign_in,
    stayed,
    stays,
)
from tests.personal_space.conftest import Enter, Picture
from tests.support.browsing import PHONE
from tests.support.city import City, plate
from tests.support.waiting import eventually
from worker.domain.terms import add_months

PARIS = ZoneInfo("Europe/Paris")
WITHDRAWN = re.compile(r"^retiré à \d\d:\d\d:\d\d$")
CONFIRMED = re.compile(r"^détient vos données, confirmé à \d\d:\d\d:\d\d$")


def holds_the_demo_plate(city: City, name: str) -> bool:
    """Return whether a provider holds the demo plate, in its own form of plates."""
    return ACTIVE_PLATE.replace("-", "") in {one.replace("-", "") for one in city.plates(name)}


@pytest.fixture
def guest(city: City) -> Account:
    return city.account()


@pytest.fixture
def three(city: City, guest: Account) -> Account:
    """Return a resident with the guide's three permits, with plates of their own."""
    rows = existing_permits(datetime.now(PARIS).date(), guest.sub)
    own = [row | {"permit_id": uuid4(), "plate": {"raw": plate()}} for row in rows]
    receipt = city.hub.submit("permit.import", permits=own)
    assert all(row.applied for row in receipt.rows or ()), receipt
    return guest


def test_1_and_2_the_demo_account_signs_in_and_sees_its_three_cards(city: City, enter: Enter, picture: Picture) -> None:
    page = enter()
    sign_in(page, city, city.demo_account)
    today = datetime.now(PARIS)
    first, yesterday = day(add_months(today.date(), 12)), day(today - timedelta(days=1))
    asked = f"Demandé le {day(today)}"
    assert [shown(card) for card in cards(page).all()] == [
        [
            "EF-367-QS",
            asked,
            "DROITS ACTIVÉS",
            f"VALIDE JUSQU'AU {first}",
            "Changer de véhicule",
            "Changer d'adresse (Gratuit)",
            "Voir le détail",
        ],
        [
            "PO-456-VB",
            asked,
            "DROITS ACTIVÉS",
            f"VALIDE JUSQU'AU {yesterday}",
            "Changer d'adresse (10 €)",
            "Renouvellement",
            "Voir le détail",
        ],
        ["AA-111-AA", asked, "ANNULÉE PAR L'USAGER", "Voir le détail"],
    ]
    assert "Voici l'historique de vos droits de stationnement et de vos demandes en cours" in page.inner_text("main")
    picture(page, "space", {"width": 800, "height": 790})  # wide enough for buttons beside the text
    picture(page, "space-phone", PHONE)


def test_2_a_vehicle_is_changed_and_the_meters_know_at_once(city: City, enter: Enter, three: Account) -> None:
    page = enter()
    sign_in(page, city, three)
    before, after = shown(cards(page).nth(0))[0], three.vehicles[0].plate
    cards(page).nth(0).get_by_role("link", name="Changer de véhicule").click()
    page.get_by_label("Immatriculation", exact=True).fill(after)
    page.get_by_role("button", name="Changer de véhicule").click()
    expect(cards(page).nth(0).get_by_role("heading")).to_have_text(after)
    eventually(lambda: after in city.plates("city_hub") and before not in city.plates("city_hub"), "the meters to know")


def test_2_a_vehicle_that_is_not_verified_is_looked_at_first(
    city: City, enter: Enter, three: Account, picture: Picture
) -> None:
    page = enter()
    sign_in(page, city, three)
    card, wanted = cards(page).nth(0), plate()
    before = shown(card)[0]

    def ask() -> None:
        card.get_by_role("link", name="Changer de véhicule").click()
        page.get_by_label("Immatriculation", exact=True).fill(wanted)
        page.get_by_role("button", name="Changer de véhicule").click()
        expect(page.get_by_role("status")).to_contain_text("un agent l'examine")
        expect(card.locator(".review")).to_contain_text(f"Changement de véhicule à l'étude depuis le {today}")
        expect(card.locator(".review li")).to_have_text("MonParis n'a pas pu vérifier que ce véhicule est le vôtre.")

    today = day(datetime.now(PARIS))
    ask()
    assert (shown(card)[0], shown(card)[-2:]) == (before, ["Annuler", "Voir le détail"])
    picture(page, "under-review", {"width": 700, "height": 400}, top=page.locator("#droits"))
    stays(page)
    city.prints("requests", "reject", permit_id(card), "--reason", "La carte grise est illisible.")
    expect(card).to_contain_text("Votre dernier changement a été refusé : La carte grise est illisible.")
    assert stayed(page)
    ask()
    city.prints("requests", "approve", permit_id(card))
    expect(card.get_by_role("heading")).to_have_text(wanted)
    expect(card.locator(".review")).to_have_count(0)
    expect(card).not_to_contain_text("illisible")


def test_2_an_address_is_changed_free_of_charge(city: City, enter: Enter, three: Account) -> None:
    page = enter()
    sign_in(page, city, three)
    cards(page).nth(0).get_by_role("link", name="Changer d'adresse (Gratuit)").click()
    page.get_by_label("Adresse de votre résidence principale").fill("3 rue des Tilleuls, 75014 Paris")
    page.get_by_role("button", name="Changer d'adresse").click()
    expect(page.get_by_role("status")).to_have_text("Votre changement d'adresse est enregistré.")
    cards(page).nth(0).get_by_role("link", name="Voir le détail").click()
    expect(page.locator(".facts")).to_contain_text("3 rue des Tilleuls, 75014 Paris")
    expect(page.locator(".facts")).to_contain_text("14C, 14D")


def test_2_a_permit_that_has_lapsed_changes_its_address_for_10_euros(city: City, enter: Enter, three: Account) -> None:
    page = enter()
    sign_in(page, city, three)
    cards(page).nth(1).get_by_role("link", name="Changer d'adresse (10 €)").click()
    page.get_by_label("Adresse de votre résidence principale").fill("3 rue des Tilleuls, 75014 Paris")
    page.get_by_role("button", name="Changer d'adresse").click()
    pay(page, "10 €")
    expect(cards(page).nth(1).get_by_role("link", name="Payer")).to_have_count(0)
    cards(page).nth(1).get_by_role("link", name="Voir le détail").click()
    expect(page.locator(".facts")).to_contain_text("3 rue des Tilleuls, 75014 Paris")


def test_2_a_permit_that_has_lapsed_is_renewed(city: City, enter: Enter, three: Account) -> None:
    page = enter()
    sign_in(page, city, three)
    cards(page).nth(1).get_by_role("link", name="Renouvellement").click()
    page.get_by_label("1 an").check()
    page.get_by_role("button", name="Demander le renouvellement").click()
    pay(page, "45 €")
    last = day(add_months(datetime.now(PARIS).date(), 12))
    expect(cards(page).nth(1).locator(".until")).to_have_text(f"valide jusqu'au {last}")


def test_3_a_request_with_everything_verified_is_decided_at_once_paid_and_active(
    city: City, enter: Enter, guest: Account
) -> None:
    page, wanted = enter(), guest.vehicles[0].plate
    sign_in(page, city, guest)
    expect(page.locator("#cartes")).to_have_text("Vous n'avez encore ni droit ni demande.")
    assert page.get_by_role("radio", checked=True).count() == 0
    expect(page.locator("#choix")).to_contain_text("Vous n'avez pas encore fait de choix : rien n'est transmis.")
    assert "Dernière mise à jour" not in page.inner_text("#choix")
    request_permit(page, wanted, "Véhicule particulier · 1 an · 45 €")
    assert shown(cards(page).nth(0))[:1] + shown(cards(page).nth(0))[2:] == [
        wanted,
        "EN ATTENTE DE PAIEMENT",
        "Payer (45 €)",
        "Annuler",
        "Voir le détail",
    ]
    pay(page, "45 €")
    page.wait_for_url(city.personal_space + "/espace")
    last = day(add_months(datetime.now(PARIS).date(), 12))
    assert shown(cards(page).nth(0))[2:4] == ["DROITS ACTIVÉS", f"VALIDE JUSQU'AU {last}"]
    eventually(lambda: wanted in city.plates("city_hub"), "the meters to know")
    assert not any(wanted in city.plates(name) for name in APPS)


def test_3_a_request_that_an_agent_decides_changes_on_the_open_page(city: City, enter: Enter) -> None:
    page = enter()
    sign_in(page, city, city.account(with_vehicles=False))
    request_permit(page, plate(), "Véhicule particulier · 3 ans · 90 €")
    status = cards(page).nth(0).locator(".status")
    expect(status).to_have_text("En cours d'instruction")
    stays(page)
    city.prints("requests", "approve", permit_id(cards(page).nth(0)))
    expect(status).to_have_text("En attente de paiement")
    expect(cards(page).nth(0).get_by_role("link", name="Payer (90 €)")).to_be_visible()
    assert stayed(page)


def test_4_given_and_withdrawn_consent_is_shown_for_each_provider(city: City, enter: Enter, picture: Picture) -> None:
    page = enter()
    sign_in(page, city, city.demo_account)
    form = page.locator("#choix-consentement")
    assert [label.inner_text() for label in form.locator("label").all()] == [ALLOW, REFUSE]
    assert "Toute modification prend effet immédiatement." in form.inner_text()

    form.get_by_label(ALLOW, exact=True).check()
    form.get_by_role("button", name="Valider mon choix").click()
    expect(form.get_by_label(ALLOW, exact=True)).to_be_checked()
    expect(form.locator(".updated")).to_contain_text(f"Dernière mise à jour le {day(datetime.now(PARIS))}")
    stays(page)
    for name in ("PayByPhone", "Flowbird", "EasyPark", "Indigo Neo"):
        expect(provider(page, name)).to_have_text(CONFIRMED)
    assert all(holds_the_demo_plate(city, name) for name in APPS)
    assert stayed(page)

    city.prints("pause", "easypark")
    try:
        form.get_by_label(REFUSE, exact=True).check()
        form.get_by_role("button", name="Valider mon choix").click()
        expect(form.get_by_label(REFUSE, exact=True)).to_be_checked()
        assert (
            page.locator(".meter").inner_text().startswith("Vous payez votre stationnement résidentiel à l'horodateur.")
        )
        stays(page)
        for name in ("PayByPhone", "Flowbird", "Indigo Neo"):
            expect(provider(page, name)).to_have_text(WITHDRAWN)
        expect(provider(page, "EasyPark")).to_have_text("en cours de retrait")
    finally:
        city.prints("resume", "easypark")
    expect(provider(page, "EasyPark")).to_have_text(WITHDRAWN)
    assert not any(holds_the_demo_plate(city, name) for name in APPS)
    eventually(lambda: holds_the_demo_plate(city, "city_hub"), "the meters to know, whatever the choice")
    assert stayed(page)
    picture(page, "consent-withdrawn", top=page.locator("#choix-consentement"))
    page.get_by_role("link", name="Qui a reçu mes données, et depuis quand").click()
    picture(page, "recipients")


def test_a_sign_in_leads_to_the_requested_page(city: City, enter: Enter, guest: Account) -> None:
    page = enter(path="/")
    page.get_by_role("link", name="Demander un droit", exact=True).click()
    page.get_by_label("Adresse de courriel").fill(guest.email)
    page.get_by_label("Mot de passe").fill(guest.password)
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nouvelle demande")
