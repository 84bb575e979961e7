"""Two tabs that sign in at once, or a page gone back to: each ends signed in, or says what to do."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from personal_space.stand_ins.accounts import Account

from tests.personal_space.apps import running_app
from tests.personal_space.conftest import Visit
from tests.personal_space.test_signing_in import authorise, back
from tests.personal_space.visitor import Visitor, main, text
from tests.support.city import City
from tests.support.waiting import eventually


@pytest.fixture
def guest(city: City) -> Account:
    return city.account()


def attempts(visitor: Visitor) -> list[str]:
    return [name for name in visitor.http.cookies if name.startswith("signin-")]


def test_two_tabs_begun_at_once_both_end_signed_in(city: City, visit: Visit, guest: Account) -> None:
    """Neither tab has the other's cookies when it begins: the later answer must not delete the first one's cookie."""
    browser, other = visit(), visit()
    first, second = browser.get("/connexion"), other.get("/connexion")
    for name, value in other.http.cookies.items():
        browser.http.cookies.set(name, value, domain=browser.http.base_url.host)
    for begun in (first, second):
        answer = browser.get(back(city, authorise(city, begun, guest)))
        assert (answer.status_code, answer.headers["location"]) == (303, "/espace")
        assert browser.get("/espace").status_code == 200
    assert attempts(browser) == []


@pytest.mark.parametrize("last", [0, 1])
def test_each_tab_ends_on_its_requested_page_in_any_order(city: City, visit: Visit, guest: Account, last: int) -> None:
    browser, begun = visit(), []
    for wanted in ("/destinataires", "/droits/nouveau"):
        browser.get(wanted)
        begun.append((wanted, browser.get("/connexion")))
    for wanted, answer in (begun[last], begun[1 - last]):
        assert browser.get(back(city, authorise(city, answer, guest))).headers["location"] == wanted


def test_the_account_of_the_last_sign_in_counts(city: City, visit: Visit, guest: Account) -> None:
    browser, other = visit(), city.account()
    assert other.name is not None
    first, second = browser.get("/connexion"), browser.get("/connexion")
    browser.get(back(city, authorise(city, first, guest)))
    browser.get(back(city, authorise(city, second, other)))
    assert other.name in browser.get("/espace").text


def test_an_answer_counts_once_and_going_back_leads_to_the_space(city: City, visit: Visit, guest: Account) -> None:
    browser = visit()
    ended = back(city, authorise(city, browser.get("/connexion"), guest))
    for _ in range(2):
        assert browser.get(ended).headers["location"] == "/espace"
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/espace").text)
    assert token is not None
    browser.post("/deconnexion", {"csrf_token": token.group(1)})
    again = browser.get(ended)
    assert again.status_code == 400
    assert "Se connecter avec MonParis" in text(main(again))
    assert browser.get("/espace").headers["location"] == "/connexion"


def test_an_attempt_of_another_browser_or_state_is_not_found(city: City, visit: Visit, guest: Account) -> None:
    browser, thief = visit(), visit()
    ended = back(city, authorise(city, browser.get("/connexion"), guest))
    thief.get("/connexion")
    assert thief.get(ended).status_code == 400
    (own,) = attempts(thief)
    state = parse_qs(urlsplit(ended).query)["state"][0]
    thief.http.cookies.set(f"signin-{state}", thief.http.cookies[own], domain=thief.http.base_url.host)
    assert thief.get(ended).status_code == 400, "one attempt's cookie passed for another's"
    assert browser.get(ended).status_code == 303


def test_a_code_of_another_attempt_is_refused(city: City, visit: Visit, guest: Account) -> None:
    browser = visit()
    first = back(city, authorise(city, browser.get("/connexion"), guest))
    second = back(city, authorise(city, browser.get("/connexion"), guest))
    code = parse_qs(urlsplit(first).query)["code"][0]
    state = parse_qs(urlsplit(second).query)["state"][0]
    mixed = browser.get(f"/connexion/retour?code={code}&state={state}")
    assert mixed.status_code == 400, mixed.headers["location"]
    assert browser.get("/espace").headers["location"] == "/connexion"


def test_a_denied_sign_in_ends_only_its_own_attempt(city: City, visit: Visit, guest: Account) -> None:
    browser = visit()
    denied, other = browser.get("/connexion"), browser.get("/connexion")
    state = parse_qs(urlsplit(denied.headers["location"]).query)["state"][0]
    assert browser.get(f"/connexion/retour?error=access_denied&state={state}").status_code == 400
    assert browser.get(back(city, authorise(city, other, guest))).status_code == 303


def test_a_browser_keeps_a_few_attempts_at_most(visit: Visit) -> None:
    browser = visit()
    for _ in range(9):
        browser.get("/connexion")
    assert len(attempts(browser)) == 5


def test_behind_https_attempt_cookies_are_bound_to_the_host(city: City) -> None:
    with running_app(city, url="https://stationnement.example") as address, Visitor(address).http as http:
        given = http.get("/connexion").headers["set-cookie"]
        assert given.startswith("__Host-signin-")
        parts = {part.strip().lower() for part in given.split(";")}
        assert {"secure", "httponly", "path=/", "samesite=lax", "max-age=3600"} <= parts


def entered(city: City, visit: Visit, account: Account) -> str:
    """Sign an account in; return the text of its first page."""
    browser = visit()
    answer = browser.get(back(city, authorise(city, browser.get("/connexion"), account)))
    assert answer.headers["location"] == "/espace"
    return text(browser.get("/espace").text)


def test_an_unverified_email_is_not_used_and_the_resident_is_told(city: City, visit: Visit) -> None:
    for sub in ("r-charlie", "r-sacha"):
        assert "n'a pas été vérifiée par MonParis" in entered(city, visit, city.accounts[sub]).replace("\xa0", " ")
        assert not city.hub.space(sub)


def test_a_name_in_two_claims_is_joined(city: City, visit: Visit) -> None:
    def email_known() -> bool:
        space = city.hub.space("r-morgan")
        return space is not None and space["reminders"]["email_known"]

    page = entered(city, visit, city.accounts["r-morgan"])
    assert "n'a pas été vérifiée" not in page
    eventually(email_known, "the contact")
