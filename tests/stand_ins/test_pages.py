"""The stand-ins' pages in a real browser: they work without scripts and are accessible."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from personal_space.stand_ins.accounts import read
from playwright.sync_api import Page

from tests.stand_ins.conftest import App, StandIns
from tests.stand_ins.test_payment import ordered
from tests.support.browsing import flaws

CAMILLE = read()[0]


@pytest.fixture
def sign_in(stand_ins: StandIns) -> str:
    asked = {
        "response_type": "code",
        "client_id": stand_ins.client_id,
        "redirect_uri": stand_ins.redirect_uri,
        "scope": "openid",
        "state": "s-1",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
    }
    return f"{stand_ins.issuer}/authorize?{urlencode(asked)}"


@pytest.fixture
def watched(page: Page) -> Iterator[Page]:
    """A page of which nothing may be complained about on the browser's console."""
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    assert [line for line in said if "the server responded with a status of" not in line] == []


def test_a_resident_signs_in_by_keyboard_and_is_back_at_the_app(
    stand_ins: StandIns, app: App, watched: Page, sign_in: str
) -> None:
    watched.goto(sign_in)
    assert watched.locator("h1").evaluate("element => getComputedStyle(element).fontSize") == "24px"  # its own style
    watched.get_by_label("Adresse de courriel").fill(CAMILLE.email)
    watched.keyboard.press("Tab")
    watched.keyboard.type("wrong")
    watched.keyboard.press("Enter")
    watched.get_by_role("alert").wait_for()
    assert watched.title().startswith("Erreur")
    assert flaws(watched) == []
    assert watched.get_by_label("Adresse de courriel").input_value() == CAMILLE.email
    watched.get_by_label("Mot de passe").fill(CAMILLE.password)
    watched.get_by_role("button", name="Se connecter").click()
    watched.wait_for_url(f"{stand_ins.redirect_uri}?**")


def test_a_resident_pays_and_is_back_at_the_app(stand_ins: StandIns, app: App, watched: Page) -> None:
    watched.goto(ordered(stand_ins))
    assert flaws(watched) == []
    watched.get_by_role("button", name="Payer").click()
    watched.wait_for_url(f"{stand_ins.app_url}/espace")
    assert len(app.notifications) == 1


def test_a_resident_cancels_and_is_back_at_the_app(stand_ins: StandIns, app: App, watched: Page) -> None:
    watched.goto(ordered(stand_ins))
    watched.get_by_role("link", name="Annuler").click()
    watched.wait_for_url(f"{stand_ins.app_url}/espace")
    assert app.notifications == []


@pytest.mark.parametrize("status", [409, 500])
def test_a_refused_payment_leads_back_to_the_app(stand_ins: StandIns, app: App, watched: Page, status: int) -> None:
    app.answers = [(status, {"error": "wrong_amount"})]
    watched.goto(ordered(stand_ins))
    watched.get_by_role("button", name="Payer").click()
    watched.get_by_role("status").wait_for()
    assert flaws(watched) == []
    watched.get_by_role("link", name="Revenir à mon espace").click()
    watched.wait_for_url(f"{stand_ins.app_url}/espace")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_axe_finds_no_fault_in_any_page(stand_ins: StandIns, watched: Page, sign_in: str, language: str) -> None:
    addresses = (
        f"{sign_in}&ui_locales={language}",
        ordered(stand_ins, language=language),
        f"{stand_ins.url}/paiement?order=wrong",
        f"{stand_ins.issuer}/end_session?ui_locales={language}",
        f"{stand_ins.url}/nowhere",
    )
    for address in addresses:
        watched.goto(address)
        assert watched.locator("h1").count() == 1
        assert flaws(watched) == [], address
