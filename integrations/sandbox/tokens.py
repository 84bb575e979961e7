"""The token endpoint of a server with OAuth2 client credentials (RFC 6749, section 4.4)."""

import time
from base64 import b64encode
from collections.abc import Mapping
from secrets import token_urlsafe
from urllib.parse import parse_qsl, quote_plus

from integrations.sandbox.records import Answer, Sent

SECONDS = 3_600
MOST = 1_000  # valid tokens; the oldest are dropped


class Tokens:
    """Tokens for clients with the right id and secret."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Set the right `client_id` and `client_secret`."""
        pair = ":".join(quote_plus(secrets[name]) for name in ("client_id", "client_secret"))
        self._basic = f"Basic {b64encode(pair.encode()).decode()}"
        self._until: dict[str, float] = {}

    def grant(self, sent: Sent) -> Answer:
        """Answer a request to the token endpoint."""
        if sent.method != "POST":
            return Answer(405, {"error": "invalid_request"}, {"Allow": "POST"})
        if sent.headers.get("Authorization") != self._basic:
            return Answer(401, {"error": "invalid_client"}, {"WWW-Authenticate": "Basic"})
        if sent.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            return Answer(400, {"error": "invalid_request"})
        if parse_qsl(sent.body.decode(errors="replace"), keep_blank_values=True) != [
            ("grant_type", "client_credentials")
        ]:
            return Answer(400, {"error": "unsupported_grant_type"})
        token = token_urlsafe(24)
        self._until[token] = time.monotonic() + SECONDS
        if len(self._until) > MOST:
            del self._until[next(iter(self._until))]
        return Answer(
            200,
            {"access_token": token, "token_type": "Bearer", "expires_in": SECONDS},
            {"Cache-Control": "no-store"},
        )

    def authorise(self, sent: Sent) -> bool:
        """Return whether a request has a valid token."""
        scheme, _, token = sent.headers.get("Authorization", "").partition(" ")
        return scheme == "Bearer" and time.monotonic() < self._until.get(token, 0.0)

    def revoke_all(self) -> None:
        """Revoke all tokens."""
        self._until.clear()
