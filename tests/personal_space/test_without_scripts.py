"""Without scripts every form works; residents reload to see changes."""

from functools import partial

import pytest
from playwright.sync_api import Page, expect

from ops.shown.space import APPS
from tests.personal_space.browser_steps import ALLOW, REFUSE, cards, pay, provider, request_permit, shown, sign_in
from tests.personal_space.conftest import Enter
from tests.support.city import City, Resident
from tests.support.waiting import eventually


@pytest.fixture
def page(enter: Enter) -> Page:
    return enter(path="/", java_script_enabled=False)


def act(page: Page, action: str) -> None:
    cards(page).first.get_by_role("link", name=action).click()


def shows(page: Page, name: str, said: str) -> bool:
    """Reload the page; return whether it says so of a provider."""
    page.reload()
    return said in provider(page, name).inner_text()


def test_a_permit_is_requested_cancelled_requested_again_paid_and_changed(city: City, page: Page) -> None:
    account = city.account()
    first, second, third = (vehicle.plate for vehicle in account.vehicles)
    sign_in(page, city, account)
    request_permit(page, first, "Véhicule particulier · 1 an · 45 €")
    act(page, "Annuler")
    page.get_by_role("button", name="Confirmer l'annulation").click()
    assert "ANNULÉE PAR L'USAGER" in shown(cards(page).first)
    request_permit(page, second, "Deux-roues motorisé · 1 an · 22,50 €")
    pay(page, "22,50 €")
    assert shown(cards(page).first)[0] == second
    assert "DROITS ACTIVÉS" in shown(cards(page).first)
    act(page, "Changer de véhicule")
    page.get_by_label("Immatriculation", exact=True).fill(third)
    page.get_by_role("button", name="Changer de véhicule").click()
    expect(page.get_by_role("alert")).to_contain_text(f"Elle sera enregistrée sous la forme {third} (France)")
    page.get_by_role("button", name="Changer de véhicule").click()
    assert shown(cards(page).first)[0] == third
    act(page, "Changer d'adresse")
    page.get_by_label("Adresse de votre résidence principale").fill("3 rue des Tilleuls, 75014 Paris")
    page.get_by_role("button", name="Changer d'adresse").click()
    act(page, "Voir le détail")
    expect(page.locator(".facts")).to_contain_text("3 rue des Tilleuls, 75014 Paris")
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page).to_have_url(city.personal_space + "/")
    page.goto(city.personal_space + "/espace")
    assert page.url.startswith(city.monparis)


def test_a_choice_counts_and_reloading_shows_its_result(city: City, page: Page) -> None:
    account = city.account()
    resident: Resident = city.resident(resident_id=account.sub)
    sign_in(page, city, account)
    for choice, words in ((ALLOW, "détient vos données"), (REFUSE, "retiré")):
        page.get_by_label(choice, exact=True).check()
        page.get_by_role("button", name="Valider mon choix").click()
        expect(page.get_by_label(choice, exact=True)).to_be_checked()
        for name in ("PayByPhone", "Flowbird", "EasyPark", "Indigo Neo"):
            eventually(partial(shows, page, name, words), "the page to show it")
        assert [resident.plate in city.plates(name) for name in APPS] == [choice == ALLOW] * len(APPS)
