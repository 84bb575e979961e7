"""The requests that each provider's contract asks for, for one change.

A contract is a generator of requests, which is sent each answer: so it is written once for all clients. Flowbird takes
up to 500 changes a request; a task a push sends one.
"""

from collections.abc import Generator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, TypedDict
from zoneinfo import ZoneInfo

import httpx

CITY = ZoneInfo("Europe/Paris")
WORKFLOW_SECONDS = 0.004  # before PayByPhone is asked whether it has carried out a change


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
