"""Residents choose on their page whether they are reminded, and see there that their address was refused."""

import re
from uuid import uuid4

import pytest
from httpx2 import Response
from playwright.sync_api import Page, expect

from tests.personal_space.browser_steps import stayed, stays
from tests.personal_space.conftest import Enter, Visit
from tests.personal_space.reminding import channel, reached_by_email, refuse_email
from tests.personal_space.visitor import Visitor, hidden, main, text
from tests.support.city import City, Resident

REMINDED = "Un courriel vous prévient avant qu'un de vos droits prenne fin"
SILENT = "Vous ne recevez aucun rappel"
REFUSED = re.compile(r"Votre adresse de courriel a été refusée le \d\d/\d\d/\d{4} à \d\d:\d\d")
STOP, AGAIN, RETRY = "Ne plus recevoir de rappels", "Recevoir à nouveau des rappels", "Réessayer cette adresse"
UNKNOWN = "Nous ne connaissons pas votre adresse de courriel : aucun rappel ne vous parvient."


@pytest.fixture
def anne(city: City) -> Resident:
    """Return a resident with a known e-mail address."""
    resident = city.resident()
    reached_by_email(city, resident)
    return resident


@pytest.fixture
def bob(city: City) -> Resident:
    return city.resident()


def choose(visitor: Visitor, wanted: str, **fields: str) -> Response:
    return visitor.post("/rappels", hidden(main(visitor.get("/espace"))) | {"channel": wanted} | fields)


def section(visitor: Visitor) -> str:
    """Return the page's text about reminders, with plain spaces."""
    page = main(visitor.get("/espace"))
    return text(page[page.index('id="rappels"') :])


def test_stopping_and_resuming_reminders_changes_no_other_residents(
    city: City, visit: Visit, anne: Resident, bob: Resident
) -> None:
    visitor = visit(anne.resident_id)
    assert REMINDED in section(visitor)
    for wanted, said, offered in (("none", SILENT, AGAIN), ("none", SILENT, AGAIN), ("email", REMINDED, STOP)):
        answer = choose(visitor, wanted)
        assert (answer.status_code, answer.headers["location"]) == (303, "/espace#rappels")
        assert channel(city, anne) == wanted
        assert said in section(visitor)
        assert offered in section(visitor)
        assert channel(city, bob) == "email"
    assert visitor.get("/rappels").headers["location"] == "/espace#rappels"


def test_a_refused_address_is_shown_until_it_is_tried_again_or_reminders_are_stopped(
    city: City, visit: Visit, anne: Resident, bob: Resident
) -> None:
    visitor = visit(anne.resident_id)
    for wanted in ("email", "none"):
        refuse_email(city, anne)
        page = text(main(visitor.get("/espace")))
        assert REFUSED.search(page)
        assert "compte MonParis" in section(visitor)
        assert {RETRY, STOP} == {offer for offer in (RETRY, STOP, AGAIN) if offer in section(visitor)}
        assert REMINDED not in page
        assert choose(visitor, wanted).status_code == 303
        assert "refusée" not in text(main(visitor.get("/espace")))
        assert channel(city, anne) == wanted
        assert choose(visitor, "email").status_code == 303
    assert not REFUSED.search(text(main(visit(bob.resident_id).get("/espace"))))


def test_a_refused_address_is_shown_in_english(city: City, visit: Visit, anne: Resident) -> None:
    refuse_email(city, anne)
    page = text(main(visit(anne.resident_id, language="en").get("/espace")))
    assert re.search(r"Your e-mail address was refused on \d\d/\d\d/\d{4}, \d\d:\d\d: no reminder reaches you", page)
    assert "Try this address again" in page


def test_a_resident_without_an_address_is_promised_no_email_and_told_what_to_do(
    city: City, visit: Visit, bob: Resident
) -> None:
    visitor, english = visit(bob.resident_id), visit(bob.resident_id, language="en")
    assert UNKNOWN in section(visitor)
    assert (
        "Assurez-vous qu'elle figure dans ce compte et qu'elle y est vérifiée, puis connectez-vous ici à nouveau."
        in section(visitor)
    )
    assert "We do not know your e-mail address: no reminder reaches you." in section(english)
    assert "Check that it is in that account and verified there, then sign in here again." in section(english)
    assert REMINDED not in section(visitor)
    assert {STOP} == {offer for offer in (RETRY, STOP, AGAIN) if offer in section(visitor)}
    choose(visitor, "none")
    assert UNKNOWN not in section(visitor)
    choose(visitor, "email")
    assert UNKNOWN in section(visitor)
    reached_by_email(city, bob)
    assert REMINDED in section(visitor)
    assert UNKNOWN not in section(visitor)


def test_a_resident_new_to_the_hub_is_promised_no_email(visit: Visit) -> None:
    assert UNKNOWN in section(visit(f"r-{uuid4().hex[:12]}"))


def test_a_new_address_appears_on_the_open_page(city: City, enter: Enter, bob: Resident) -> None:
    page = enter(bob.resident_id)
    stays(page)
    expect(page.locator("#mes-rappels")).to_contain_text(UNKNOWN)
    reached_by_email(city, bob)
    expect(page.locator("#mes-rappels")).to_contain_text(REMINDED)
    expect(page.locator("#mes-rappels")).not_to_contain_text(UNKNOWN)
    assert stayed(page)


@pytest.mark.parametrize(("field", "value"), [("csrf_token", "wrong"), ("csrf_token", ""), ("channel", "pigeon")])
def test_a_cross_site_or_invalid_choice_changes_nothing(
    city: City, visit: Visit, anne: Resident, field: str, value: str
) -> None:
    visitor = visit(anne.resident_id)
    answer = choose(visitor, "none", **{field: value})
    assert answer.status_code == 422
    assert ("Cette page a expiré" in text(main(answer))) == (field == "csrf_token")
    assert channel(city, anne) == "email"
    assert visitor.post("/rappels", hidden(main(answer))).status_code == 303, "the page that comes back can be sent"


def test_a_resident_new_to_the_hub_can_choose(city: City, visit: Visit) -> None:
    stranger = Resident(f"r-{id(object())}", {})
    assert choose(visit(stranger.resident_id), "none").status_code == 303
    assert channel(city, stranger) == "none"


def test_an_erased_resident_is_told_so(city: City, visit: Visit, anne: Resident) -> None:
    visitor = visit(anne.resident_id)
    city.applied("resident.erase", anne)
    answer = choose(visitor, "email")
    assert answer.status_code == 409
    assert "Votre compte a été effacé" in text(main(answer))


def test_a_choice_appears_on_the_page_and_in_another_browser(city: City, enter: Enter, anne: Resident) -> None:
    here, there = enter(anne.resident_id), enter(anne.resident_id)
    for page in (here, there):
        stays(page)
    for button, said in ((STOP, SILENT), (AGAIN, REMINDED)):
        here.get_by_role("button", name=button).click()
        for page in (here, there):
            expect(page.locator("#mes-rappels")).to_contain_text(said)
        expect(here.locator("#changer-rappels")).to_be_focused()
    refuse_email(city, anne)
    for page in (here, there):
        expect(page.locator("#adresse-refusee")).to_contain_text("Votre adresse de courriel a été refusée")
    there.get_by_role("link", name="aucun rappel ne vous parvient").click()
    there.get_by_role("button", name=RETRY).click()
    for page in (here, there):
        expect(page.locator("#mes-rappels")).to_contain_text(REMINDED)
        expect(page.locator("#adresse-refusee")).not_to_contain_text("refusée")
        assert stayed(page)


def test_without_scripts_reminders_are_stopped_and_resumed_and_an_address_retried(
    city: City, enter: Enter, anne: Resident
) -> None:
    page: Page = enter(anne.resident_id, java_script_enabled=False)
    for button, said in ((STOP, SILENT), (AGAIN, REMINDED)):
        page.get_by_role("button", name=button).click()
        expect(page).to_have_url(f"{city.personal_space}/espace#rappels")
        expect(page.locator("#mes-rappels")).to_contain_text(said)
    refuse_email(city, anne)
    page.reload()
    page.get_by_role("button", name=RETRY).click()
    expect(page.locator("#mes-rappels")).to_contain_text(REMINDED)
    assert channel(city, anne) == "email"
