"""The stand-in for MonParis, used by an app and a browser."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
from authlib.integrations.httpx_client import OAuth2Client
from joserfc.errors import JoseError
from personal_space.verified import Verified

from tests.stand_ins.conftest import StandIns
from tests.stand_ins.signing_in import (
    CAMILLE,
    DOMINIQUE,
    SCOPE,
    Browser,
    back,
    begin,
    claimed,
    exchange,
    fetch,
    refused,
)


@pytest.fixture
def browser(stand_ins: StandIns) -> Iterator[Browser]:
    made = Browser(stand_ins)
    yield made
    made.http.close()


@pytest.fixture(params=["client_secret_basic", "client_secret_post"])
def client(stand_ins: StandIns, request: pytest.FixtureRequest) -> Iterator[OAuth2Client]:
    made = OAuth2Client(
        stand_ins.client_id,
        stand_ins.client_secret,
        token_endpoint_auth_method=request.param,
        scope=SCOPE,
        redirect_uri=stand_ins.redirect_uri,
        code_challenge_method="S256",
        trust_env=False,
    )
    yield made
    made.close()


def test_authlibs_client_signs_a_resident_in(stand_ins: StandIns, browser: Browser, client: OAuth2Client) -> None:
    url, state, verifier = begin(client, stand_ins)
    assert browser.http.get(url).status_code == 200
    ended = browser.sign_in(url)
    assert back(ended, stand_ins)["state"] == state
    token = fetch(client, stand_ins, ended, verifier)
    said = {
        "sub": CAMILLE.sub,
        "name": CAMILLE.name,
        "email": CAMILLE.email,
        "locale": "fr",
    }
    claims = claimed(stand_ins, token["id_token"])
    assert said.items() <= claims.items()
    told = client.get(f"{stand_ins.issuer}/userinfo").json()
    assert said.items() <= told.items()
    assert told.keys() == said.keys() | {"verified_vehicles", "verified_residences"}
    for verified in (Verified.of(claims), Verified.of(told)):
        assert verified.plates == [vehicle.plate for vehicle in CAMILLE.vehicles]
        assert [one.ban_id for one in verified.residences] == list(CAMILLE.residences)


def test_an_id_token_signed_by_another_key_is_detected(
    stand_ins: StandIns, browser: Browser, client: OAuth2Client
) -> None:
    url, _, verifier = begin(client, stand_ins)
    token = fetch(client, stand_ins, browser.sign_in(url), verifier)["id_token"]
    head, _, signature = token.split(".")
    forged = f"{head}.{token.split('.')[1][:-4]}AAAA.{signature}"
    with pytest.raises(JoseError):
        claimed(stand_ins, forged)


def test_a_claim_out_of_scope_is_not_returned(stand_ins: StandIns, browser: Browser, client: OAuth2Client) -> None:
    client.scope = "openid parking"
    url, _, verifier = begin(client, stand_ins)
    token = fetch(client, stand_ins, browser.sign_in(url, DOMINIQUE.email), verifier)
    told = client.get(f"{stand_ins.issuer}/userinfo").json()
    assert told.keys() == {"sub", "verified_vehicles", "verified_residences"}
    assert (told["sub"], told["verified_vehicles"]) == (DOMINIQUE.sub, [])
    assert "email" not in claimed(stand_ins, token["id_token"])


def test_every_endpoint_is_where_discovery_says(stand_ins: StandIns) -> None:
    told = httpx2.get(f"{stand_ins.issuer}/.well-known/openid-configuration", trust_env=False).json()
    assert told["issuer"] == stand_ins.issuer
    assert told["code_challenge_methods_supported"] == ["S256"]
    for name, address in told.items():
        if name.endswith("_endpoint"):
            assert httpx2.get(address, trust_env=False).status_code != 404, name


def test_a_code_counts_once_and_its_second_use_revokes_the_token(
    stand_ins: StandIns, browser: Browser, client: OAuth2Client
) -> None:
    url, _, verifier = begin(client, stand_ins)
    ended = browser.sign_in(url)
    fetch(client, stand_ins, ended, verifier)
    assert client.get(f"{stand_ins.issuer}/userinfo").status_code == 200
    again = exchange(stand_ins, code=back(ended, stand_ins)["code"], code_verifier=verifier)
    assert (again.status_code, refused(again)) == (400, "invalid_grant")
    assert client.get(f"{stand_ins.issuer}/userinfo").status_code == 401


@pytest.mark.parametrize("verifier", ["", "short", "v" * 64, "é" * 43])
def test_a_code_without_its_verifier_is_refused(
    stand_ins: StandIns, browser: Browser, client: OAuth2Client, verifier: str
) -> None:
    url, _, right = begin(client, stand_ins)
    code = back(browser.sign_in(url), stand_ins)["code"]
    stolen = exchange(stand_ins, code=code, code_verifier=verifier)
    assert (stolen.status_code, refused(stolen)) == (400, "invalid_grant")
    late = exchange(stand_ins, code=code, code_verifier=right)
    assert refused(late) == "invalid_grant"


def test_a_code_for_another_redirect_uri_is_refused(
    stand_ins: StandIns, browser: Browser, client: OAuth2Client
) -> None:
    url, _, verifier = begin(client, stand_ins)
    code = back(browser.sign_in(url), stand_ins)["code"]
    elsewhere = exchange(stand_ins, code=code, code_verifier=verifier, redirect_uri=f"{stand_ins.app_url}/")
    assert refused(elsewhere) == "invalid_grant"


@pytest.mark.parametrize("wrong", [{"client_secret": "wrong"}, {"client_id": "other"}, {"client_secret": ""}])
def test_only_the_app_gets_tokens(
    stand_ins: StandIns, browser: Browser, client: OAuth2Client, wrong: dict[str, str]
) -> None:
    url, _, verifier = begin(client, stand_ins)
    code = back(browser.sign_in(url), stand_ins)["code"]
    stranger = exchange(stand_ins, code=code, code_verifier=verifier, **wrong)
    assert (stranger.status_code, refused(stranger)) == (401, "invalid_client")
    assert exchange(stand_ins, code=code, code_verifier=verifier).status_code == 200


@pytest.mark.parametrize("grant", ["password", "client_credentials", "refresh_token", ""])
def test_another_grant_type_is_refused(stand_ins: StandIns, grant: str) -> None:
    assert refused(exchange(stand_ins, grant_type=grant)) == "unsupported_grant_type"


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "http://elsewhere.example/connexion/retour"},
        {"redirect_uri": "{redirect_uri}/"},
        {"redirect_uri": "{redirect_uri}?more=1"},
        {"redirect_uri": "http://127.0.0.1/connexion/retour"},
        {"client_id": "other"},
        {"without": "redirect_uri"},
        {"without": "client_id"},
    ],
)
def test_a_foreign_redirect_uri_is_never_followed(
    stand_ins: StandIns, browser: Browser, changed: dict[str, str]
) -> None:
    changed = {name: value.format(redirect_uri=stand_ins.redirect_uri) for name, value in changed.items()}
    response = browser.ask(**changed)
    assert response.status_code == 400
    assert "service connu de MonParis" in response.text
    assert "location" not in response.headers
    assert browser.sign_in(str(response.request.url)).status_code == 400


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"without": "code_challenge"}, "invalid_request"),
        ({"without": "code_challenge_method"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_a_wrong_request_of_the_app_is_answered_with_an_error(
    stand_ins: StandIns, browser: Browser, changed: dict[str, str], error: str
) -> None:
    assert back(browser.ask(**changed), stand_ins) == {"error": error, "state": "s-1"}


@pytest.mark.parametrize(
    ("email", "password"),
    [(CAMILLE.email, "wrong"), (CAMILLE.email, ""), ("nobody@example.org", "demo"), ('"><b>', "demo"), ("é", "é")],
)
def test_a_wrong_password_keeps_the_typed_email(browser: Browser, email: str, password: str) -> None:
    url = str(browser.ask().request.url)
    response = browser.sign_in(url, email, password)
    assert response.status_code == 403
    assert "mot de passe est incorrect" in response.text
    shown = email.replace('"', "&#34;").replace(">", "&gt;").replace("<", "&lt;")
    assert f'value="{shown}"' in response.text
    assert browser.sign_in(url).status_code == 303


def test_an_email_in_capitals_and_with_a_space_is_recognised(browser: Browser, stand_ins: StandIns) -> None:
    response = browser.sign_in(str(browser.ask().request.url), f" {CAMILLE.email.upper()} ")
    assert back(response, stand_ins)["code"]


@pytest.mark.parametrize(
    ("locales", "header", "heading"),
    [
        ("", "", "Connexion à MonParis"),
        ("", "de, en;q=0.8, fr;q=0.5", "Sign in to MonParis"),
        ("", "en;q=0.2, fr-FR;q=0.9", "Connexion à MonParis"),
        ("en", "fr", "Sign in to MonParis"),
        ("de fr-CA en", "en", "Connexion à MonParis"),
        ("tlh", "x;q=;;,,", "Connexion à MonParis"),
    ],
)
def test_the_page_is_in_the_requested_language(browser: Browser, locales: str, header: str, heading: str) -> None:
    browser.http.headers["accept-language"] = header
    assert f"<h1>{heading}</h1>" in browser.ask(ui_locales=locales).text


def test_signing_out_redirects_only_to_the_app(stand_ins: StandIns, browser: Browser) -> None:
    leave = f"{stand_ins.issuer}/end_session"
    own = browser.http.get(leave, params={"post_logout_redirect_uri": f"{stand_ins.app_url}/"})
    assert (own.status_code, own.headers["location"]) == (303, f"{stand_ins.app_url}/")
    assert browser.http.post(leave, data={"post_logout_redirect_uri": stand_ins.app_url}).status_code == 303
    for foreign in ("http://elsewhere.example/", f"{stand_ins.app_url}.elsewhere.example/", "", "//elsewhere.example"):
        stays = browser.http.get(leave, params={"post_logout_redirect_uri": foreign})
        assert (stays.status_code, "location" in stays.headers) == (200, False), foreign


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic eA==", "Bearer é"])
def test_userinfo_needs_a_token(stand_ins: StandIns, header: str) -> None:
    response = httpx2.get(
        f"{stand_ins.issuer}/userinfo", headers=[(b"authorization", header.encode())], trust_env=False
    )
    assert (response.status_code, refused(response)) == (401, "invalid_token")
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_page_runs_no_script_and_is_not_cached(browser: Browser) -> None:
    response = browser.ask()
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "<script" not in response.text
    assert response.headers["cache-control"] == "no-store"
    style = urlsplit(str(response.request.url))._replace(path="/static/city.css", query="").geturl()
    assert browser.http.get(style).headers["content-type"].startswith("text/css")
