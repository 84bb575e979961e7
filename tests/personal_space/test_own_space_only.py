"""Residents see and change only their own space; no one else can."""

import base64
import json
import time

import pytest
from itsdangerous import TimestampSigner
from permit_hub_client import Card
from personal_space import consent, live, payments, permits, reminders, signin, space, words

from tests.personal_space.conftest import SessionOf, Visit
from tests.personal_space.visitor import Visitor
from tests.support.city import City, Resident

STOP = reminders.STOP + "{token:path}"
OPEN = {"/", "/sante", "/connexion", signin.RETURN, payments.NOTIFICATION, "/deconnexion", STOP}
ADDRESS = "3 rue des Tilleuls, 75014 Paris"
ACTIONS = {
    "change_vehicle": {"plate": "ZZ-111-ZZ", "country": "FR"},
    "change_address": {"address": ADDRESS},
    "renew": {"offer": "standard-1"},
    "cancel": {},
    "pay": {},
    "details": {},
}
ROUTES = sorted(
    {route.path for part in (space, signin, consent, payments, permits, reminders, live) for route in part.routes}
    - OPEN
)
SIGNED_IN = [path.replace("{permit_id:uuid}", "00000000-0000-4000-8000-000000000000") for path in ROUTES]


@pytest.fixture
def anne(city: City) -> Resident:
    return city.resident()


@pytest.fixture
def bob(city: City) -> Resident:
    return city.resident()


def truth(city: City, resident: Resident) -> tuple[list[Card], int]:
    """Return the data that a resident's own forms can change."""
    found = city.space(resident.resident_id)
    return found["cards"], found["consent"]["version"]


def test_the_tests_cover_every_action_of_a_card() -> None:
    assert set(ACTIONS) == set(words.PATHS)


@pytest.mark.parametrize("action", ACTIONS)
def test_another_residents_permit_is_not_found_and_not_changed(
    city: City, visit: Visit, anne: Resident, bob: Resident, action: str
) -> None:
    path = f"/droits/{bob.permit_id}{words.PATHS[action]}"
    before, eve = truth(city, bob), visit(anne.resident_id)
    token = eve.hidden(f"/droits/{anne.permit_id}/vehicule")
    assert eve.get(path).status_code == 404
    if action != "details":
        assert eve.post(path, token | ACTIONS[action]).status_code == 404
    assert bob.plate not in eve.get(path).text
    assert truth(city, bob) == before


@pytest.mark.parametrize("path", SIGNED_IN)
def test_a_visitor_without_a_session_is_redirected_to_the_sign_in(visit: Visit, path: str) -> None:
    answer = visit().get(path)
    if path == live.EVENTS:
        assert answer.status_code == 401
    elif path != "/consentement":
        assert (answer.status_code, answer.headers["location"]) == (303, "/connexion")
    if path not in ("/espace", "/destinataires", live.EVENTS) and path.count("/") != 2:
        assert visit().post(path).status_code == 401


@pytest.mark.parametrize("action", ["change_vehicle", "change_address"])
@pytest.mark.parametrize("token", ["", "wrong", "another session's"])
def test_a_cross_site_form_changes_nothing(
    city: City, visit: Visit, anne: Resident, bob: Resident, action: str, token: str
) -> None:
    path = f"/droits/{anne.permit_id}{words.PATHS[action]}"
    before, visitor = truth(city, anne), visit(anne.resident_id)
    foreign = visit(bob.resident_id).hidden(f"/droits/{bob.permit_id}/vehicule")["csrf_token"]
    fields = visitor.hidden(path) | ACTIONS[action] | {"csrf_token": foreign if token.startswith("another") else token}
    answer = visitor.post(path, fields)
    assert answer.status_code == 422
    assert next(iter(ACTIONS[action].values())) in answer.text, "what was typed is gone"
    assert "Cette page a expiré" in answer.text
    assert truth(city, anne) == before


def test_a_cross_site_consent_choice_changes_nothing(city: City, visit: Visit, anne: Resident) -> None:
    visitor = visit(anne.resident_id)
    fields = visitor.hidden("/espace") | {"choice": "allow", "csrf_token": "wrong"}
    assert visitor.post("/consentement", fields).status_code == 422
    assert truth(city, anne)[1] == 0


def test_an_altered_foreign_or_expired_session_is_invalid(
    city: City, visit: Visit, session_of: SessionOf, anne: Resident
) -> None:
    (cookie,) = session_of(anne.resident_id).values()
    payload, rest = cookie.split(".", 1)
    session = json.loads(base64.b64decode(payload))
    secret = city.environment["PERSONAL_SPACE_SECRET"]
    other = base64.b64encode(json.dumps(session | {"resident": {"resident_id": "r-camille"}}).encode())
    old = base64.b64encode(json.dumps(session | {"since": time.time() - 13 * 3600}).encode())
    idle = base64.b64encode(json.dumps(session | {"seen": time.time() - 3700}).encode())
    for forged in (
        f"{other.decode()}.{rest}",
        TimestampSigner("not the secret").sign(payload).decode(),
        TimestampSigner(secret).sign(old).decode(),
        TimestampSigner(secret).sign(idle).decode(),
        "nonsense",
    ):
        eve = visit()
        eve.http.cookies.set("session", forged)
        answer = eve.get("/espace")
        assert (answer.status_code, answer.headers["location"]) == (303, "/connexion")


@pytest.mark.parametrize("path", ["/", "/espace", "/nowhere", "/static/style.css", "/static/nothing", "/sante"])
def test_every_response_has_the_security_headers(visit: Visit, anne: Resident, path: str) -> None:
    headers = visit(anne.resident_id).get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == ("public, max-age=3600" if path.startswith("/static") else "no-store")


def test_the_session_cookie_is_hidden_from_scripts_and_other_sites(visit: Visit, anne: Resident) -> None:
    cookie = visit(anne.resident_id).get(f"/droits/{anne.permit_id}/vehicule").headers["set-cookie"].lower()
    assert {"httponly", "samesite=lax", "path=/"} <= {part.strip() for part in cookie.split(";")}


def test_a_request_too_long_for_a_form_is_refused_unread(visit: Visit, anne: Resident) -> None:
    assert visit(anne.resident_id).post("/consentement", {"choice": "x" * 70_000}).status_code == 413


def test_a_session_is_prolonged_by_residents_and_not_by_an_open_pages_requests(
    city: City, visit: Visit, session_of: SessionOf, anne: Resident
) -> None:
    secret, ago = city.environment["PERSONAL_SPACE_SECRET"], int(time.time()) - 3_000
    (cookie,) = session_of(anne.resident_id).values()
    session = json.loads(base64.b64decode(cookie.split(".")[0])) | {"seen": ago}
    kept = TimestampSigner(secret).sign(base64.b64encode(json.dumps(session).encode())).decode()

    def seen(**headers: str) -> int:
        visitor = visit()
        visitor.http.cookies.set("session", kept, domain=visitor.http.base_url.host)
        assert visitor.http.get("/espace", headers=headers).status_code == 200
        return int(json.loads(base64.b64decode(visitor.http.cookies["session"].split(".")[0]))["seen"])

    assert seen(**{"X-Live": "1"}) == ago
    assert seen() > ago


@pytest.mark.parametrize("path", ["/", "/espace", "/destinataires", "/droits/nouveau"])
def test_a_resident_new_to_the_hub_sees_every_page(city: City, session_of: SessionOf, path: str) -> None:
    with Visitor(city.personal_space, session_of("r-never-seen-before")).http as http:
        assert http.get(path).status_code == 200


def test_no_redirect_goes_to_the_host_of_a_request(visit: Visit, anne: Resident) -> None:
    answer = visit(anne.resident_id).http.get("/espace/", headers={"Host": "evil.example"})
    assert answer.status_code == 404
