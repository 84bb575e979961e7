"""What a push is, for all peers: the requests that each provider's contract asks for.

Each peer sends what the hub sends for one change, with httpx and its pool of connections, and reads the answers.
Flowbird takes up to 500 changes a request; a task a push sends one. A contract is written once, as a generator of
requests; the plain and the async client carry it out.
"""

import asyncio
import ssl
import time
from base64 import b64encode
from collections.abc import Generator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from os import environ
from typing import Any, NamedTuple, TypedDict
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo

import httpx

CITY = ZoneInfo("Europe/Paris")
SECONDS = 10.0  # for each request
POOL = httpx.Limits(max_connections=100, max_keepalive_connections=100)  # httpx closes all but 20 idle ones by default
WORKFLOW_SECONDS = 0.004  # before PayByPhone is asked whether it has carried out a change
SETTLED = frozenset({("DELETE", 404), ("POST", 409)})  # nothing to delete; there since an earlier try


class Permit(TypedDict):
    """What a provider is to hold."""

    plate: str
    country: str
    zones: list[str]
    profile: str
    first_day: str
    last_day: str


class Push(NamedTuple):
    """One change at one provider; without a permit it is a removal. It is a task's arguments."""

    provider: str
    reference: str
    permit: Permit | None


class Ask(NamedTuple):
    """One request of a contract, to be sent after some seconds."""

    method: str
    path: str
    document: object = None
    after: float = 0.0


Contract = Generator[Ask, httpx.Response, None]


class RefusedError(Exception):
    """The provider refuses a change for good."""


def push(provider: str, reference: str, permit: Permit | None) -> None:
    """Carry out one change.

    Raises:
        RefusedError: the provider refuses the change, and would again.
        httpx.HTTPError: a request failed; the change is to be tried again.
    """
    contract = CONTRACTS[provider](reference, permit)
    ask = next(contract, None)
    while ask is not None:
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


def _paybyphone(reference: str, permit: Permit | None) -> Contract:
    path = f"/eligibilities/{reference}"
    if permit is None:
        answer = yield Ask("DELETE", path)
    else:
        document = {
            "vehicle": {"licensePlate": permit["plate"], "countryCode": permit["country"]},
            "locations": permit["zones"],
            "eligibilityType": permit["profile"],
            "validFrom": permit["first_day"],
            "validTo": permit["last_day"],
        }
        answer = yield Ask("PUT", path, document)
    if answer.status_code == 404:
        return
    workflow = Ask("GET", answer.headers["Location"], after=WORKFLOW_SECONDS)
    while (status := (yield workflow).json()["status"]) != "Completed":
        if status == "Failed":
            raise RefusedError("the workflow failed")


def _flowbird(reference: str, permit: Permit | None) -> Contract:
    row: dict[str, object] = {"action": "REMOVE", "reference": reference}
    if permit is not None:
        start, end = _instants(permit)
        right = {
            "plate": permit["plate"],
            "zones": [{"code": zone} for zone in permit["zones"]],
            "product": permit["profile"],
            "from": start.isoformat(),
            "until": end.isoformat(),
        }
        row = {"action": "UPSERT", "reference": reference, "right": right}
    answer = yield Ask("POST", "/hub/v1/rights/batch", {"rows": [row]})
    (result,) = answer.json()["results"]
    if result["result"] != "OK":
        raise RefusedError(result["reason"])


def _easypark(reference: str, permit: Permit | None) -> Contract:
    if permit is None:
        yield Ask("DELETE", f"/parking/cancel/{reference}")
        return
    start, end = _instants(permit)
    document = {
        "externalReferenceId": reference,
        "licensePlate": permit["plate"],
        "licensePlateCountry": permit["country"],
        "locationCode": permit["zones"][0],
        "enforcementLocations": permit["zones"],
        "profile": permit["profile"],
        "startDate": start.isoformat(),
        "endDate": end.isoformat(),
    }
    yield Ask("POST", "/parking/register", document)


def _indigo_neo(reference: str, permit: Permit | None) -> Contract:
    if permit is None:
        yield Ask("DELETE", f"/rights/assigned/{reference}?version=2")
        return
    start, end = (f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for instant in _instants(permit))
    credential = {
        "type": "licensePlate",
        "identifier": {"className": f"{permit['country']}NumberPlate", "id": permit["plate"]},
        "issuer": [{"language": "en", "string": "Vehicle Registry"}],
    }
    document = {
        "id": reference,
        "version": 1,
        "rightSpecification": {"id": ".".join((permit["profile"], *permit["zones"])), "version": 1},
        "rightHolder": {"credentials": [credential]},
        "expiry": end,
        "plannedUses": [{"startTime": start, "endTime": end}],
    }
    yield Ask("POST", "/rights/assigned", document)


CONTRACTS = {"paybyphone": _paybyphone, "flowbird": _flowbird, "easypark": _easypark, "indigo_neo": _indigo_neo}


def _instants(permit: Permit) -> tuple[datetime, datetime]:
    """Return the first instant of a permit, and the first one after it."""
    first, after = date.fromisoformat(permit["first_day"]), date.fromisoformat(permit["last_day"]) + timedelta(days=1)
    return datetime.combine(first, datetime.min.time(), CITY), datetime.combine(after, datetime.min.time(), CITY)


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
