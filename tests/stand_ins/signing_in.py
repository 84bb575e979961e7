"""The steps of a sign-in: of the resident's browser, of the app, and of an attacker."""

from typing import Any
from urllib.parse import parse_qs

import httpx2
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet
from personal_space.stand_ins.accounts import read

from tests.stand_ins.conftest import StandIns

CAMILLE, DOMINIQUE, *_ = read()
SCOPE = "openid profile email parking"
NONCE = "n-1"


class Browser:
    """The resident's browser at MonParis."""

    def __init__(self, stand_ins: StandIns) -> None:
        self.stand_ins = stand_ins
        self.http = httpx2.Client(trust_env=False)

    def ask(self, *, without: str = "", **changed: str) -> httpx2.Response:
        """Open the sign-in page as the app's redirect does, with some parameters changed or left out."""
        asked = self.asked(**changed)
        asked.pop(without, None)
        return self.http.get(f"{self.stand_ins.issuer}/authorize", params=asked)

    def asked(self, **changed: str) -> dict[str, str]:
        return {
            "response_type": "code",
            "client_id": self.stand_ins.client_id,
            "redirect_uri": self.stand_ins.redirect_uri,
            "scope": SCOPE,
            "state": "s-1",
            "nonce": NONCE,
            "code_challenge": "x" * 43,
            "code_challenge_method": "S256",
        } | changed

    def sign_in(self, url: str, email: str = CAMILLE.email, password: str = CAMILLE.password) -> httpx2.Response:
        return self.http.post(url, data={"email": email, "password": password})


def begin(client: OAuth2Client, stand_ins: StandIns, **also: str) -> tuple[str, str, str]:
    """Return the authorization URL, the state and the verifier."""
    verifier = generate_token(48)
    url, state = client.create_authorization_url(
        f"{stand_ins.issuer}/authorize", code_verifier=verifier, nonce=NONCE, **also
    )
    return url, state, verifier


def back(response: httpx2.Response, stand_ins: StandIns) -> dict[str, str]:
    """Return the parameters that a redirect brings to the app."""
    assert response.status_code == 303
    address, _, query = response.headers["location"].partition("?")
    assert address == stand_ins.redirect_uri
    return {name: values[0] for name, values in parse_qs(query).items()}


def fetch(client: OAuth2Client, stand_ins: StandIns, response: httpx2.Response, verifier: str) -> dict[str, Any]:
    token: dict[str, Any] = client.fetch_token(
        f"{stand_ins.issuer}/token", authorization_response=response.headers["location"], code_verifier=verifier
    )
    return token


def refused(response: httpx2.Response) -> str:
    return str(response.json()["error"])


def exchange(stand_ins: StandIns, **form: str) -> httpx2.Response:
    """Request tokens as the app does, or with other values."""
    given = {
        "grant_type": "authorization_code",
        "client_id": stand_ins.client_id,
        "client_secret": stand_ins.client_secret,
        "redirect_uri": stand_ins.redirect_uri,
    }
    return httpx2.post(f"{stand_ins.issuer}/token", data=given | form, trust_env=False)


def claimed(stand_ins: StandIns, token: str) -> dict[str, Any]:
    """Verify an id token with the published keys."""
    keys = KeySet.import_key_set(httpx2.get(f"{stand_ins.issuer}/jwks", trust_env=False).json())
    assert not any(key.is_private for key in keys.keys)
    decoded = jwt.decode(token, keys, algorithms=["RS256"])
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": stand_ins.issuer},
        aud={"essential": True, "value": stand_ins.client_id},
        nonce={"essential": True, "value": NONCE},
        exp={"essential": True},
    ).validate(decoded.claims)
    return decoded.claims
