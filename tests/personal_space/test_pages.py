"""Every page is accessible (axe) in both languages and at both widths, small to load, and printable."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from personal_space.reminders import STOP
from playwright.sync_api import Page, expect

from ops.shown.space import APPS
from tests.personal_space.browser_steps import cards
from tests.personal_space.conftest import Enter, Picture
from tests.personal_space.reminding import refuse_email, reminded
from tests.support.browsing import DESKTOP, PHONE, flaws
from tests.support.city import ADDRESS, City, Resident, plate
from tests.support.waiting import eventually

LANGUAGES = ("fr", "en")
Varied = tuple[Resident, dict[str, UUID]]
FIRST_PAGE_BYTES = 60_000


@pytest.fixture
def resident(city: City) -> Resident:
    return city.resident()


def asked(city: City, resident: Resident, *, vehicle: bool, **fields: Any) -> UUID:
    permit_id = uuid4()
    request = {
        "permit_id": permit_id,
        "plate": {"raw": plate()},
        "profile": "standard",
        "years": 1,
        "address": ADDRESS,
        "zones": ["14A", "14B"],
    } | fields
    verified: dict[str, object] = {} if vehicle else {"verified": {}}
    city.applied("permit.request", resident, **request | verified)
    return permit_id


@pytest.fixture
def varied(city: City) -> Varied:
    """Return a resident with a card in every state, whose data every provider held and some still hold."""
    resident = city.resident()
    today = datetime.now(UTC).date()
    lapsed = {
        "resident_id": resident.resident_id,
        "permit_id": uuid4(),
        "status": "active",
        "requested_on": today - timedelta(days=400),
        "plate": {"raw": f"{uuid4().hex[:10]} {uuid4().hex[:10]}", "country": "DE"},  # as long as they get
        "profile": "standard",
        "address": ADDRESS,
        "zones": ["14A"],
        "terms": [{"first_day": today - timedelta(days=375), "last_day": today - timedelta(days=10)}],
    }
    city.hub.submit("permit.import", permits=[lapsed])
    permits = {
        "active": resident.permit_id,
        "lapsed": UUID(str(lapsed["permit_id"])),
        "awaiting_payment": asked(city, resident, vehicle=True),
        "submitted": asked(city, resident, vehicle=False, profile="two_wheeler", years=3),
        "rejected": asked(city, resident, vehicle=False),
        "cancelled": asked(city, resident, vehicle=True),
    }
    reason = "Le justificatif de domicile a plus de trois mois : déposez-en un autre."
    city.applied(
        "permit.decide",
        resident,
        permit_id=permits["rejected"],
        decision="reject",
        decided_by="agent-17",
        reason=reason,
    )
    city.applied("permit.cancel", resident, permit_id=permits["cancelled"])
    city.applied("permit.renew", resident, permit_id=permits["lapsed"], years=1)
    city.allow(resident)
    eventually(lambda: all(city.confirmed(resident, name) for name in APPS), "everybody to have confirmed")
    city.refuse(resident)
    city.allow(resident, "easypark")
    return resident, permits


def pages(permits: dict[str, UUID]) -> list[str]:
    """Return the path of every page for a signed-in resident."""
    own = {name: f"/droits/{permit_id}" for name, permit_id in permits.items()}
    return [
        "/",
        "/espace",
        "/destinataires",
        "/droits/nouveau",
        *own.values(),
        f"{own['active']}/vehicule",
        f"{own['active']}/adresse",
        f"{own['awaiting_payment']}/paiement",
        f"{own['awaiting_payment']}/annulation",
        f"/droits/{uuid4()}",  # not their own
        "/nulle-part",
        "/rappels/arreter/nulle-part",
    ]


def fits(page: Page) -> bool:
    """Return whether a page needs no horizontal scrolling."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def is_sound(page: Page, language: str) -> None:
    """Check a page at both widths."""
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("h1").count() == 1
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(size)
        assert fits(page), page.url
        assert flaws(page) == [], page.url


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_no_fault_in_any_page_at_any_width(
    city: City, enter: Enter, varied: Varied, picture: Picture, language: str
) -> None:
    resident, permits = varied
    page = enter(resident.resident_id, "/", language=language)
    for path in pages(permits):
        page.goto(city.personal_space + path)
        is_sound(page, language)
        if path == "/droits/nouveau" and language == "fr":
            picture(page, "request")


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_no_fault_in_error_pages(city: City, enter: Enter, varied: Varied, language: str) -> None:
    resident, permits = varied
    page = enter(resident.resident_id, "/droits/nouveau", language=language)
    page.locator("form.asking button").click()  # the form is empty
    expect(page.get_by_role("alert")).to_be_visible()
    is_sound(page, language)
    page.goto(f"{city.personal_space}/droits/{permits['active']}/vehicule")
    page.locator("#plate").fill("PO-456-VB")
    page.locator("form.asking button").click()
    expect(page.locator("#plate-question")).to_contain_text("PO-456-VB")
    is_sound(page, language)
    page.goto(f"{city.personal_space}/droits/{permits['active']}/adresse")
    page.locator("#address").fill("1 rue de Nulle-Part")
    page.locator("form.asking button").click()
    expect(page.locator("#address")).to_have_attribute("aria-invalid", "true")
    is_sound(page, language)
    page.goto(city.personal_space + "/espace")
    page.evaluate("document.querySelector('#choix-consentement [name=providers]').value = ''")
    page.locator("#choice-allow").check()
    page.locator("#valider").click()
    expect(page.get_by_role("alert")).to_be_visible()
    is_sound(page, language)
    page.context.clear_cookies()
    page.goto(f"{city.personal_space}/connexion/retour?langue={language}")
    is_sound(page, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_no_fault_in_reminders_on_refused_or_stopped(
    city: City, enter: Enter, resident: Resident, language: str
) -> None:
    token = reminded(city, resident)
    refuse_email(city, resident)
    page = enter(resident.resident_id, language=language)
    expect(page.locator("#reessayer")).to_be_visible()
    is_sound(page, language)
    page.locator("#changer-rappels").click()
    expect(page.locator("#reessayer")).to_have_count(0)
    is_sound(page, language)
    page.evaluate("document.querySelector('#mes-rappels [name=csrf_token]').value = ''")
    page.locator("#changer-rappels").click()
    expect(page.get_by_role("alert")).to_be_visible()
    is_sound(page, language)
    page.context.clear_cookies()
    page.goto(f"{city.personal_space}{STOP}{token}?langue={language}")
    is_sound(page, language)
    before = page.get_by_role("heading", level=1).inner_text()
    page.locator("main button").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text(before)
    is_sound(page, language)


def test_the_home_page_is_small_and_loads_nothing_from_other_hosts(
    city: City, enter: Enter, resident: Resident
) -> None:
    page = enter()
    page.goto(city.personal_space)
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    urls: list[str] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    network.on("Network.requestWillBeSent", lambda event: urls.append(event["request"]["url"]))
    for cookie in enter(resident.resident_id).context.cookies():
        page.context.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": city.personal_space}])
    page.goto(city.personal_space + "/espace")
    expect(cards(page)).to_have_count(1)
    page.wait_for_function(
        "performance.getEntriesByType('resource').some((one) => one.name.endsWith('icon.svg')) || true"
    )
    assert {url.removeprefix(city.personal_space) for url in urls} >= {
        "/espace",
        "/static/style.css",
        "/static/live.js",
    }
    assert all(url.startswith(city.personal_space + "/") for url in urls)
    assert 0 < sum(sizes) <= FIRST_PAGE_BYTES


def test_the_recipients_page_can_be_printed(enter: Enter, varied: Varied) -> None:
    resident, _ = varied
    page = enter(resident.resident_id, "/destinataires")
    on_screen = page.locator("#destinataires").inner_text()
    page.emulate_media(media="print")
    assert page.locator("#destinataires").inner_text() == on_screen
    for unprintable in page.locator("nav, .printed, footer").all():
        expect(unprintable).to_be_hidden()
    page.set_viewport_size({"width": 720, "height": 1000})  # about what fits on A4
    assert fits(page)
    assert flaws(page) == []
