"""Signing in by the OpenID provider: an attempt ends once, in its own browser, with a new session."""

import hashlib
import json
import re
from base64 import b64decode
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from httpx2 import Response
from personal_space.session import Resident
from personal_space.stand_ins.accounts import Account

from tests.personal_space.apps import running_app
from tests.personal_space.conftest import SessionOf, Visit
from tests.personal_space.visitor import Visitor, hidden, main, text
from tests.support.city import City


@pytest.fixture
def guest(city: City) -> Account:
    return city.account()


def authorise(city: City, begun: Response, account: Account) -> str:
    """Sign in at MonParis; return the URL that it redirects to."""
    with httpx2.Client(timeout=20) as browser:
        page = browser.get(begun.headers["location"])
        fields = dict(re.findall(r'<input [^>]*name="([^"]+)" [^>]*value="([^"]*)"', page.text))
        fields |= {"email": account.email, "password": account.password}
        return browser.post(str(page.url), data=fields).headers["location"]


def kept(visitor: Visitor) -> dict[str, object]:
    """Return the content of a visitor's session cookie."""
    content: dict[str, object] = json.loads(b64decode(visitor.http.cookies["session"].split(".")[0]))
    return content


def back(city: City, location: str) -> str:
    """Return the path of the app that MonParis redirects to."""
    assert location.startswith(f"{city.personal_space}/connexion/retour?")
    return location.removeprefix(city.personal_space)


def test_a_sign_in_leads_to_the_requested_page_with_a_new_session(city: City, visit: Visit, guest: Account) -> None:
    visitor = visit()
    assert visitor.get("/destinataires").headers["location"] == "/connexion"
    begun = visitor.get("/connexion")
    asked = parse_qs(urlsplit(begun.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    before = visitor.http.cookies["session"]
    answer = visitor.get(back(city, authorise(city, begun, guest)))
    assert (answer.status_code, answer.headers["location"]) == (303, "/destinataires")
    assert visitor.http.cookies["session"] != before
    outsider = visit()
    outsider.http.cookies.set("session", before)
    assert outsider.get("/espace").headers["location"] == "/connexion", "a session from before became somebody's"


def test_a_csrf_token_from_before_the_sign_in_is_invalid_after_it(city: City, visit: Visit, guest: Account) -> None:
    visitor = visit()
    visitor.get("/")
    assert "session" not in visitor.http.cookies, "a page without a form begins a session"
    visitor.post("/deconnexion")
    begun = visitor.get("/connexion")
    before = kept(visitor)
    visitor.get(back(city, authorise(city, begun, guest)))
    visitor.get("/espace")
    assert before["csrf"] != kept(visitor)["csrf"]
    assert not [name for name in kept(visitor) if "state" in name], "what signing in needed is left over"


def test_an_answer_of_monparis_counts_once_in_the_browser_that_asked(city: City, visit: Visit, guest: Account) -> None:
    visitor, thief = visit(), visit()
    answer = back(city, authorise(city, visitor.get("/connexion"), guest))
    stolen = thief.get(answer)
    assert stolen.status_code == 400
    assert "La connexion n'a pas abouti" in text(main(stolen))
    assert thief.get("/espace").headers["location"] == "/connexion"
    assert visitor.get(answer).status_code == 303
    assert visitor.get(answer).headers["location"] == "/espace"
    assert thief.get(answer).status_code == 400


def test_a_late_answer_leads_a_signed_in_resident_to_their_space(city: City, visit: Visit, guest: Account) -> None:
    visitor = visit()
    begun = visitor.get("/connexion")
    visitor.get(back(city, authorise(city, visitor.get("/connexion"), guest)))
    late = visitor.get(back(city, authorise(city, begun, guest)))
    assert (late.status_code, late.headers["location"]) == (303, "/espace")


@pytest.mark.parametrize("claim", [None, "", 12, ["a"]])
def test_an_answer_without_an_identifier_signs_in_no_one(claim: object) -> None:
    with pytest.raises(ValueError, match="no identifier"):
        Resident.of({"sub": claim}, "sub")


@pytest.mark.parametrize(
    "query", ["", "?error=access_denied&state=x", "?code=x&state=y", "?code=&state=", "?state[]=1"]
)
def test_an_unrequested_answer_signs_in_no_one(visit: Visit, query: str) -> None:
    assert visit().get(f"/connexion/retour{query}").status_code == 400


def test_signing_out_ends_the_session_and_redirects_to_the_providers_sign_out(
    city: City, visit: Visit, guest: Account
) -> None:
    visitor = visit(guest.sub)
    page = visitor.get("/espace").text
    token = hidden(page[: page.index("<main")])["csrf_token"]
    answer = visitor.post("/deconnexion", {"csrf_token": token})
    assert answer.status_code == 303
    end = urlsplit(answer.headers["location"])
    assert answer.headers["location"].startswith(city.monparis)
    assert parse_qs(end.query)["post_logout_redirect_uri"] == [f"{city.personal_space}/"]
    assert visitor.get("/espace").headers["location"] == "/connexion"


def test_a_cross_site_request_signs_no_one_out(visit: Visit, guest: Account) -> None:
    visitor = visit(guest.sub)
    visitor.get("/espace")
    assert visitor.post("/deconnexion", {"csrf_token": "wrong"}).headers["location"] == "/espace"
    assert visitor.get("/espace").status_code == 200


def test_an_unavailable_provider_has_an_error_page_and_cookies_are_secure_behind_https(
    city: City, session_of: SessionOf
) -> None:
    settings = {"issuer": "http://127.0.0.1:9/monparis", "url": "https://stationnement.example"}
    with running_app(city, **settings) as address, Visitor(address).http as http:
        answer = http.get("/connexion")
        assert answer.status_code == 503
        assert "MonParis ne répond pas" in text(main(answer))
        (cookie,) = session_of("r-camille").values()
        answer = http.get("/droits/nouveau", headers={"Cookie": f"__Host-session={cookie}"})
        assert answer.status_code == 200
        given = answer.headers["set-cookie"]
        assert given.startswith("__Host-session=")
        assert {"secure", "httponly", "path=/"} <= {part.strip().lower() for part in given.split(";")}
        assert "max-age=" in answer.headers["strict-transport-security"]


def test_an_identifier_that_the_hub_would_refuse_is_replaced_by_its_hash(city: City, tmp_path: Path) -> None:
    claims = {"sub": "auth0|é@example.org", "name": "Essai"}
    resident = Resident.of(claims, "sub")
    assert resident.resident_id == hashlib.sha256(claims["sub"].encode()).hexdigest()
