"""What a push is, for all peers: one change, sent with httpx and its pool of connections, and its answers read."""

import asyncio
import ssl
import time
from base64 import b64encode
from collections.abc import Generator, Mapping
from functools import cache
from os import environ
from typing import Any
from urllib.parse import quote_plus

import httpx

from bench.peers.contracts import CONTRACTS, Ask, Contract, Permit, RefusedError

SECONDS = 10.0  # for each request
POOL = httpx.Limits(max_connections=100, max_keepalive_connections=100)  # httpx closes all but 20 idle ones by default
SETTLED = frozenset({("DELETE", 404), ("POST", 409)})  # nothing to delete; there since an earlier try


def push(provider: str, reference: str, permit: Permit | None) -> None:
    """Carry out one change.

    Raises:
        RefusedError: the provider refuses the change, and would again.
        httpx.HTTPError: a request failed; the change is to be tried again.
    """
    contract = CONTRACTS[provider](reference, permit)
    ask = next(contract, None)
    while ask is not None:
        if ask.after:
            time.sleep(ask.after)
        answer = _client(provider).request(ask.method, ask.path, json=ask.document)
        ask = _next(contract, ask, answer)


async def push_async(provider: str, reference: str, permit: Permit | None) -> None:
    """Carry out one change.

    Raises:
        RefusedError: the provider refuses the change, and would again.
        httpx.HTTPError: a request failed; the change is to be tried again.
    """
    contract = CONTRACTS[provider](reference, permit)
    ask = next(contract, None)
    while ask is not None:
        if ask.after:
            await asyncio.sleep(ask.after)
        answer = await _async_client(provider).request(ask.method, ask.path, json=ask.document)
        ask = _next(contract, ask, answer)


def _next(contract: Contract, ask: Ask, answer: httpx.Response) -> Ask | None:
    if (ask.method, answer.status_code) not in SETTLED:
        if answer.is_client_error:
            raise RefusedError(answer.status_code)
        answer.raise_for_status()
    try:
        return contract.send(answer)
    except StopIteration:
        return None


class Token(httpx.Auth):
    """OAuth2 client credentials: a token is asked for once, and again when it is refused."""

    requires_response_body = True

    def __init__(self, url: str, client_id: str, client_secret: str) -> None:
        """Prepare without connecting."""
        pair = b64encode(f"{quote_plus(client_id)}:{quote_plus(client_secret)}".encode()).decode()
        self._ask = {"Authorization": f"Basic {pair}", "Content-Type": "application/x-www-form-urlencoded"}
        self._url, self._token = url, ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request with the token."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
            if (yield request).status_code != 401:
                return
        answer = yield httpx.Request("POST", self._url, content=b"grant_type=client_credentials", headers=self._ask)
        self._token = answer.raise_for_status().json()["access_token"]
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


@cache
def _client(provider: str) -> httpx.Client:
    """Return this process's client of a provider; a pool of processes forks before the first push."""
    return httpx.Client(**_options(provider))


@cache
def _async_client(provider: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(**_options(provider))


def _options(provider: str) -> Mapping[str, Any]:
    """Return a client's options, from the settings that also lead the hub to the stand-ins."""
    setting = {
        name.removeprefix(f"PERMIT_HUB_{provider.upper()}_"): value
        for name, value in environ.items()
        if name.startswith(f"PERMIT_HUB_{provider.upper()}_")
    }
    options: dict[str, Any] = {"base_url": setting["URL"], "limits": POOL, "timeout": SECONDS, "trust_env": False}
    match provider:
        case "paybyphone":
            token = Token(f"{setting['URL']}/identity/token", setting["CLIENT_ID"], setting["CLIENT_SECRET"])
            options |= {"auth": token, "headers": {"X-Pbp-Version": "2"}}
        case "flowbird":
            token = Token(f"{setting['URL']}/oauth2/token", setting["CLIENT_ID"], setting["CLIENT_SECRET"])
            secure = ssl.create_default_context(cafile=setting["AUTHORITY"])
            secure.load_cert_chain(setting["CERTIFICATE"])
            options |= {"auth": token, "verify": secure}
        case "easypark":
            options["headers"] = {"x-api-key": setting["KEY"]}
        case "indigo_neo":
            options["headers"] = {"X-MCC-Access-Token": setting["KEY"]}
    return options
