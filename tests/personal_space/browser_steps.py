"""The residents' steps on the pages of the web app."""

from datetime import date
from uuid import UUID

from personal_space.stand_ins.accounts import Account
from playwright.sync_api import Locator, Page, expect

from tests.support.city import City

ADDRESS = "10 rue de l'Exemple, 75014 Paris"
MANAGE = "Gérer mon droit et suivre mes demandes"
ALLOW = (
    "J'autorise la transmission de mes données personnelles aux prestataires PayByPhone, Flowbird, EasyPark, "
    "Indigo Neo. Ainsi je peux payer mon stationnement résidentiel via une de ces applications mobiles avec mon "
    "smartphone."
)
REFUSE = (
    "Je n'autorise pas la transmission de mes données personnelles aux prestataires PayByPhone, Flowbird, EasyPark, "
    "Indigo Neo. Je ne pourrai pas payer mon stationnement résidentiel via une de ces applications mobiles. "
    "Je pourrai payer seulement à l'horodateur."
)


def day(value: date) -> str:
    """Return a day as the pages show it."""
    return f"{value:%d/%m/%Y}"


def sign_in(page: Page, city: City, account: Account) -> None:
    """Sign in as in the guide's first chapter."""
    page.goto(city.personal_space)
    page.get_by_role("link", name=MANAGE).click()
    assert page.url.startswith(city.monparis)
    page.get_by_label("Adresse de courriel").fill(account.email)
    page.get_by_label("Mot de passe").fill(account.password)
    page.get_by_role("button", name="Se connecter").click()
    page.wait_for_url(city.personal_space + "/espace")


def shown(card: Locator) -> list[str]:
    """Return the text of a card, line by line."""
    lines = [" ".join(line.split()) for line in card.inner_text().splitlines()]
    plate = f"– {lines[0]}"  # the buttons' accessible names have it
    return [line.removesuffix(plate).strip() for line in lines if line not in ("", plate)]


def cards(page: Page) -> Locator:
    """Return the cards of the space, in their order."""
    return page.locator(".card")


def permit_id(card: Locator) -> UUID:
    """Return a card's permit id."""
    return UUID((card.get_attribute("id") or "").removeprefix("droit-"))


def request_permit(page: Page, wanted: str, offer: str) -> None:
    """Make a new request as in the guide's third chapter, by the home page."""
    page.get_by_role("link", name="Faire une nouvelle demande").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stationnement résidentiel pour les particuliers")
    page.get_by_role("link", name="Demander un droit").click()
    page.get_by_label("Immatriculation", exact=True).fill(wanted)
    page.get_by_label("Adresse de votre résidence principale").fill(ADDRESS)
    page.get_by_label(offer).check()
    page.get_by_role("button", name="Demander ce droit").click()
    expect(page.get_by_role("status")).to_contain_text("Votre demande est enregistrée")


def pay(page: Page, price: str) -> None:
    """Go from a card to the payment service, pay there, and come back."""
    page.get_by_role("link", name=f"Payer ({price})").click()
    page.get_by_role("button", name=f"Payer {price}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Paiement")
    page.get_by_role("button", name="Payer").click()


def stays(page: Page) -> None:
    """Mark the page, so that `stayed` finds out whether it was loaded again."""
    page.evaluate("window.stays = true")


def stayed(page: Page) -> bool:
    """Return whether the marked page is still there."""
    return bool(page.evaluate("window.stays === true"))


def provider(page: Page, name: str) -> Locator:
    """Return the text about a provider's state."""
    return page.locator(".providers li", has_text=name).locator(".state")
