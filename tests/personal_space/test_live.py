"""An open page follows the hub without a reload, also after lost connections, and does not disturb its reader."""

import re
from contextlib import closing
from uuid import uuid4

import psutil
import pytest
import redis
from playwright.sync_api import Page, Request, expect

from ops import running as stacks
from ops.shown.space import APPS
from tests.personal_space.browser_steps import ALLOW, REFUSE, cards, provider, stayed, stays
from tests.personal_space.conftest import Enter
from tests.support.city import ADDRESS, City, Resident, plate
from tests.support.waiting import eventually

STALE = "Votre choix a été modifié entre-temps, dans un autre onglet ou sur un autre appareil."
ELSEWHERE = "Votre choix a été modifié ailleurs."


@pytest.fixture
def resident(city: City) -> Resident:
    return city.resident()


def decide(page: Page, choice: str) -> None:
    page.get_by_label(choice, exact=True).check()
    page.get_by_role("button", name="Valider mon choix").click()


def asked(city: City, resident: Resident) -> dict[str, object]:
    """Request another permit for the resident; an agent is to decide on it."""
    request: dict[str, object] = {
        "permit_id": uuid4(),
        "plate": {"raw": plate()},
        "profile": "standard",
        "years": 1,
        "address": ADDRESS,
        "zones": ["14A"],
        "verified": {},
    }
    city.applied("permit.request", resident, **request)
    return request


def app_process(city: City) -> psutil.Process:
    """Return the web app's process."""
    found = stacks.find(city.folder)
    assert found is not None
    return next(
        child for child in psutil.Process(found.pid).children() if child.cmdline()[1:3] == ["-m", "personal_space"]
    )


def reads(page: Page) -> list[Request]:
    """Count the readings of a page from now on."""
    found: list[Request] = []
    page.on("request", lambda request: found.append(request) if request.url == page.url else None)
    return found


def hide(page: Page, hidden: str) -> None:
    """Make a page hidden or visible: a headless browser shows all its pages."""
    page.evaluate(
        f"Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )


def test_a_choice_made_in_one_browser_is_shown_in_the_other(enter: Enter, resident: Resident) -> None:
    here, there = enter(resident.resident_id), enter(resident.resident_id)
    stays(there)
    decide(here, ALLOW)
    expect(there.get_by_label(ALLOW, exact=True)).to_be_checked()
    expect(provider(there, "Flowbird")).to_contain_text("détient vos données, confirmé à")
    decide(here, REFUSE)
    expect(there.get_by_label(REFUSE, exact=True)).to_be_checked()
    expect(provider(there, "Flowbird")).to_contain_text("retiré à")
    expect(there.locator(".meter")).to_be_visible()
    assert stayed(there)


@pytest.mark.parametrize(("path", "button"), [("/consentement", "#valider"), ("/rappels", "#changer-rappels")])
def test_a_choice_is_shown_with_one_exchange(enter: Enter, resident: Resident, path: str, button: str) -> None:
    page = enter(resident.resident_id)
    stays(page)
    page.get_by_label(REFUSE, exact=True).check()
    with page.expect_response(f"**{path}") as answered:
        page.locator(button).click()
    assert (answered.value.status, answered.value.request.redirected_to) == (200, None)
    expect(page.locator(".fresh").first).to_be_visible()
    assert stayed(page)


def test_a_choice_is_not_read_again_for_its_own_event(city: City, enter: Enter, resident: Resident) -> None:
    page = enter(resident.resident_id)
    found = reads(page)
    before = city.space(resident.resident_id)
    decide(page, REFUSE)
    expect(page.locator(".meter")).to_be_visible()
    asked(city, resident)
    expect(cards(page)).to_have_count(2)
    after = city.space(resident.resident_id)
    assert len(found) < after["version"] - before["version"]


def test_a_new_request_and_the_agents_decision_appear_on_every_open_page(
    city: City, enter: Enter, resident: Resident
) -> None:
    space = enter(resident.resident_id)
    stays(space)
    request = asked(city, resident)
    expect(cards(space)).to_have_count(2)
    permit = enter(resident.resident_id, f"/droits/{request['permit_id']}")
    stays(permit)
    city.applied(
        "permit.decide",
        resident,
        permit_id=request["permit_id"],
        decision="reject",
        decided_by="agent-17",
        reason="Photo illisible.",
    )
    for page in (space, permit):
        expect(page.get_by_text("Demande refusée").first).to_be_visible()
        expect(page.get_by_text("Photo illisible.")).to_be_visible()
        assert stayed(page)


def test_the_page_shows_each_providers_confirmation_as_it_comes(city: City, enter: Enter, resident: Resident) -> None:
    page = enter(resident.resident_id, "/destinataires")
    stays(page)
    paybyphone = page.locator(".recipient", has_text="PayByPhone")
    expect(paybyphone).to_contain_text("N'a jamais reçu vos données.")
    city.allow(resident, "paybyphone")
    expect(paybyphone).to_contain_text(f"Détient les données de {resident.plate} depuis le")
    assert re.search(r"à \d\d:\d\d:\d\d\. Sur votre décision n° 1\.", paybyphone.inner_text())
    city.refuse(resident)
    expect(paybyphone).to_contain_text("retrait confirmé le")
    assert stayed(page)


def test_a_ticked_box_stays_and_an_outdated_allowance_is_refused(city: City, enter: Enter, resident: Resident) -> None:
    here = enter(resident.resident_id)
    here.get_by_label(ALLOW, exact=True).check()
    city.refuse(resident)
    expect(here.get_by_text(ELSEWHERE)).to_be_visible()
    expect(here.get_by_label(ALLOW, exact=True)).to_be_checked()
    here.get_by_role("button", name="Valider mon choix").click()
    expect(here.get_by_role("alert")).to_contain_text(STALE)
    expect(here.get_by_label(REFUSE, exact=True)).to_be_checked()  # the current choice
    assert not any(one["allowed"] for one in city.space(resident.resident_id)["consent"]["providers"])
    assert not any(resident.plate in city.plates(name) for name in APPS)


def test_a_refusal_from_an_outdated_page_counts(city: City, enter: Enter, resident: Resident) -> None:
    here = enter(resident.resident_id)
    here.get_by_label(REFUSE, exact=True).check()
    city.allow(resident)
    expect(here.get_by_text(ELSEWHERE)).to_be_visible()
    here.get_by_role("button", name="Valider mon choix").click()
    expect(here.locator(".meter")).to_be_visible()
    expect(here.get_by_label(REFUSE, exact=True)).to_be_checked()
    eventually(lambda: not any(resident.plate in city.plates(name) for name in APPS), "everybody to have forgotten")


def test_an_update_keeps_the_focus(city: City, enter: Enter, resident: Resident) -> None:
    page = enter(resident.resident_id)
    stays(page)
    details = cards(page).last.get_by_role("link", name="Voir le détail")
    link = details.get_attribute("href")
    details.focus()
    asked(city, resident)
    expect(cards(page)).to_have_count(2)
    assert page.evaluate("document.activeElement.getAttribute('href')") == link
    assert stayed(page)


def test_an_up_to_date_page_is_not_changed(city: City, enter: Enter, resident: Resident) -> None:
    page = enter(resident.resident_id)
    found = reads(page)
    page.evaluate("document.querySelectorAll('#choix form, .card').forEach((element) => element.mark = true)")
    asked(city, city.resident())  # another resident's
    before = city.space(resident.resident_id)
    asked(city, resident)
    expect(cards(page)).to_have_count(2)
    after = city.space(resident.resident_id)
    assert 1 <= len(found) <= after["version"] - before["version"]
    assert page.locator("#choix form").evaluate("element => element.mark")
    assert not any(page.locator(".card").evaluate_all("them => them.map((one) => one.mark)"))  # the cards were replaced


def test_a_hidden_page_does_not_listen_and_catches_up_when_shown(city: City, enter: Enter, resident: Resident) -> None:
    page = enter(resident.resident_id)
    stays(page)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/evenements")):
        hide(page, "true")
    asked(city, resident)
    assert cards(page).count() == 1
    hide(page, "false")
    expect(cards(page)).to_have_count(2)
    assert stayed(page)


def test_a_page_catches_up_when_the_network_is_back(city: City, enter: Enter, resident: Resident) -> None:
    page = enter(resident.resident_id)
    stays(page)
    page.context.set_offline(True)
    asked(city, resident)
    page.context.set_offline(False)
    expect(cards(page)).to_have_count(2)
    assert stayed(page)


def test_a_page_catches_up_after_the_app_lost_redis(city: City, enter: Enter, resident: Resident) -> None:
    page = enter(resident.resident_id)
    stays(page)
    expect(page.locator("main[data-state]")).to_be_visible()
    ports = {one.laddr.port for one in app_process(city).net_connections("tcp4")}
    with closing(redis.Redis.from_url(city.valkey.url)) as client:
        for one in client.client_list():
            if int(one["addr"].rpartition(":")[2]) in ports:
                client.client_kill_filter(_id=one["id"])
    asked(city, resident)
    expect(cards(page)).to_have_count(2)
    assert stayed(page)


def test_a_page_catches_up_after_the_app_was_killed_and_restarted(city: City, enter: Enter, resident: Resident) -> None:
    page = enter(resident.resident_id)
    stays(page)
    killed = app_process(city)
    killed.kill()
    asked(city, resident)
    expect(cards(page)).to_have_count(2)
    assert stayed(page)
    assert app_process(city).pid != killed.pid


def test_a_repair_without_an_event_is_shown_once_providers_confirm_it(
    city: City, enter: Enter, resident: Resident
) -> None:
    city.allow(resident)
    page = enter(resident.resident_id)
    names = ("PayByPhone", "Flowbird", "EasyPark", "Indigo Neo")
    for name in names:
        expect(provider(page, name)).to_contain_text("détient vos données")
    stays(page)
    city.resident(resident_id=resident.resident_id)  # imported: the repair that follows has no event
    expect(cards(page)).to_have_count(2)
    for name in names:
        expect(provider(page, name)).to_contain_text("détient vos données")
    assert stayed(page)


def test_a_page_shows_no_personal_data_after_signing_out_in_another_tab(
    city: City, enter: Enter, resident: Resident
) -> None:
    page = enter(resident.resident_id)
    expect(cards(page)).to_have_count(1)
    page.context.clear_cookies()
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_url(f"{city.monparis}/**")


def test_a_page_stays_in_one_language_after_another_is_chosen_elsewhere(
    city: City, enter: Enter, resident: Resident
) -> None:
    page = enter(resident.resident_id)
    page.context.new_page().goto(f"{city.personal_space}/espace?langue=en")
    city.allow(resident)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", name="Personal space")).to_be_visible()
    expect(provider(page, "Flowbird")).to_contain_text("holds your data")
