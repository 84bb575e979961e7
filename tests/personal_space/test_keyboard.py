"""All pages by keyboard only, with a visible focus."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.personal_space.browser_steps import ALLOW, cards
from tests.personal_space.conftest import Enter
from tests.support.city import City, Resident, plate

MOST_TABS = 60
OUTLINED = """(() => {
    const focused = document.activeElement, style = getComputedStyle(focused);
    return focused === document.body || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
})()"""


@pytest.fixture
def resident(city: City) -> Resident:
    return city.resident()


def focused(page: Page, wanted: Locator) -> None:
    """Reach an element with the Tab key only; the focus must be visible at each stop."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        assert page.evaluate(OUTLINED), page.evaluate("document.activeElement.outerHTML")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError("the Tab key does not lead there")


def follow(page: Page, link: Locator, heading: str) -> None:
    """Reach a link and follow it."""
    focused(page, link)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    page.wait_for_load_state()  # the style sheet, too


def test_sign_in_consent_and_a_new_request_work_by_keyboard(city: City, enter: Enter) -> None:
    account, wanted = city.account(), plate()
    page = enter(path="/")
    follow(page, page.get_by_role("link", name="Gérer mon droit et suivre mes demandes"), "Connexion à MonParis")
    focused(page, page.get_by_label("Adresse de courriel"))
    page.keyboard.type(account.email)
    focused(page, page.get_by_label("Mot de passe"))
    page.keyboard.type(account.password)
    page.keyboard.press("Enter")
    page.wait_for_url(city.personal_space + "/espace")

    focused(page, page.locator("#choice-allow"))
    page.keyboard.press("ArrowDown")
    expect(page.locator("#choice-refuse")).to_be_checked()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#choice-allow")).to_be_checked()
    focused(page, page.get_by_role("button", name="Valider mon choix"))
    page.keyboard.press("Enter")
    expect(page.locator(".updated")).to_be_visible()
    expect(page.get_by_label(ALLOW, exact=True)).to_be_checked()

    home = "Stationnement résidentiel pour les particuliers"
    follow(page, page.get_by_role("link", name="Faire une nouvelle demande"), home)
    follow(page, page.get_by_role("link", name="Demander un droit", exact=True), "Nouvelle demande")
    focused(page, page.get_by_label("Immatriculation", exact=True))
    page.keyboard.type(wanted)
    focused(page, page.get_by_label("Adresse de votre résidence principale"))
    page.keyboard.type("10 rue de l'exemple 75014 paris")
    focused(page, page.locator("[name=offer]").first)
    page.keyboard.press("Space")
    focused(page, page.get_by_role("button", name="Demander ce droit"))
    page.keyboard.press("Enter")
    expect(cards(page).get_by_role("heading")).to_have_text(wanted)


def test_the_first_tab_stop_skips_to_the_content(enter: Enter, resident: Resident) -> None:
    page = enter(resident.resident_id)
    skip = page.get_by_role("link", name="Aller au contenu")
    box = skip.bounding_box()
    assert box is not None
    assert box["x"] < 0
    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
