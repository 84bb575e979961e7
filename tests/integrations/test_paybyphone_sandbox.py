"""PayByPhone's sandbox, asked directly: strict about what the contract rules out, and forgetful of old workflows."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integrations.sandbox.misbehaviour import Kind
from integrations.sandbox.paybyphone_workflows import Workflows, Write
from tests.conftest import Sandbox
from tests.integrations.paybyphone_eligibilities import NAME

REFERENCE = "5f0c4f5e-0d8e-4f0e-9a53-6f0d7c1f7e11"
PATH = f"/eligibilities/{REFERENCE}"
ELIGIBILITY: dict[str, Any] = {
    "vehicle": {"licensePlate": "EF367QS", "countryCode": "FR"},
    "locations": ["75014_A", "75014_B"],
    "eligibilityType": "resident",
    "validFrom": "2024-09-16",
    "validTo": "2025-09-16",
}
FORM = {"grant_type": "client_credentials"}


class Body:
    """What a write is to write."""

    def write(self) -> None:
        """Write it."""


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """Return a client that has a token."""
    with httpx.Client(base_url=f"{sandbox.url}/{NAME}", trust_env=False) as client:
        token = client.post("/identity/token", data=FORM, auth=secrets(sandbox)).json()["access_token"]
        client.headers.update({"Authorization": f"Bearer {token}", "X-Pbp-Version": "2"})
        yield client


def secrets(sandbox: Sandbox) -> tuple[str, str]:
    given = sandbox.access.secrets[NAME]
    return given["client_id"], given["client_secret"]


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errorType"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"jurisdiction": "75"}, "InvalidRequest"),
        ({"vehicle": {"licensePlate": "EF367QS"}}, "InvalidRequest"),
        ({"vehicle": {"licensePlate": "EF367QS", "countryCode": "FR", "type": "car"}}, "InvalidRequest"),
        ({"vehicle": {"licensePlate": 7, "countryCode": "FR"}}, "InvalidRequest"),
        ({"vehicle": {"licensePlate": "EF-367-QS", "countryCode": "FR"}}, "LicensePlateInvalidFormat"),
        ({"vehicle": {"licensePlate": "É" * 21, "countryCode": "FR"}}, "LicensePlateInvalidFormat"),
        ({"vehicle": {"licensePlate": "EF367QS", "countryCode": "FRA"}}, "CountryCodeNotFound"),
        ({"locations": []}, "InvalidRequest"),
        ({"locations": "75014_A"}, "InvalidRequest"),
        ({"locations": [75014]}, "InvalidRequest"),
        ({"locations": ["75014 A"]}, "LocationNotFound"),
        ({"locations": ["75014_A", "75014_A"]}, "LocationNotFound"),
        ({"eligibilityType": None}, "InvalidRequest"),
        ({"eligibilityType": "VIS"}, "RateOptionNotFound"),
        ({"validFrom": 20240916}, "InvalidRequest"),
        ({"validFrom": "16/09/2024"}, "PeriodInvalid"),
        ({"validFrom": "20240916"}, "PeriodInvalid"),
        ({"validFrom": "2024-09-31"}, "PeriodInvalid"),
        ({"validFrom": "2024-09-16T00:00:00Z"}, "PeriodInvalid"),
        ({"validFrom": "2025-09-17"}, "PeriodInvalid"),
        ({"validFrom": "1899-12-31"}, "PeriodInvalid"),
    ],
)
def test_a_wrong_eligibility_is_refused(
    http: httpx.Client, sandbox: Sandbox, change: dict[str, Any], expected: str
) -> None:
    assert told(http.put(PATH, json=ELIGIBILITY | change)) == (400, expected)
    assert sandbox.control.counts(NAME).applied == 0


@pytest.mark.parametrize(
    ("method", "path", "kwargs", "expected"),
    [
        ("PUT", PATH, {"content": b"{", "headers": {"Content-Type": "application/json"}}, (400, "JsonReaderException")),
        ("PUT", PATH, {"json": [ELIGIBILITY]}, (400, "InvalidRequest")),
        ("PUT", PATH, {"data": FORM}, (415, "UnsupportedMediaType")),
        ("PUT", f"{PATH}?dry=1", {"json": ELIGIBILITY}, (400, "InvalidRequest")),
        ("PUT", PATH, {"json": ELIGIBILITY, "headers": {"X-Pbp-Version": "1"}}, (400, "InvalidRequest")),
        ("PUT", "/eligibilities/", {"json": ELIGIBILITY}, (400, "InvalidRequest")),
        ("PUT", "/eligibilities/a%2Fb", {"json": ELIGIBILITY}, (400, "InvalidRequest")),
        ("PUT", f"/eligibilities/{'x' * 51}", {"json": ELIGIBILITY}, (400, "InvalidRequest")),
        ("POST", PATH, {"json": ELIGIBILITY}, (405, "MethodNotAllowed")),
        ("DELETE", PATH, {"json": {}}, (400, "InvalidRequest")),
        ("DELETE", PATH, {}, (404, "EligibilityNotFound")),
        ("DELETE", PATH, {"headers": {"Authorization": "Bearer another-token"}}, (401, "Unauthorized")),
        ("DELETE", PATH, {"headers": {"X-Pbp-Version": ""}}, (400, "InvalidRequest")),
        ("GET", "/workflows/a", {}, (404, "WorkflowNotFound")),
        ("GET", "/workflows/a?b", {}, (400, "InvalidRequest")),
        ("DELETE", "/workflows/a", {}, (405, "MethodNotAllowed")),
    ],
)
def test_a_wrong_request_is_refused(
    http: httpx.Client, sandbox: Sandbox, method: str, path: str, kwargs: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert told(http.request(method, path, **kwargs)) == expected
    assert sandbox.control.counts(NAME).applied == 0


@pytest.mark.parametrize("path", ["/", "/eligibilities", "/city/eligibilities/a", "/workflow/a"])
def test_a_wrong_address_is_not_in_their_words(http: httpx.Client, path: str) -> None:
    answer = http.delete(path)

    assert (answer.status_code, answer.content) == (404, b"no such resource")


def test_an_expired_token_is_refused_until_there_is_a_new_one(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.control.misbehave(NAME, Kind.EXPIRED_TOKEN, count=1)

    assert [told(http.delete(PATH))[0] for _ in range(3)] == [401] * 3
    token = http.post("/identity/token", data=FORM, auth=secrets(sandbox)).json()["access_token"]
    assert told(http.delete(PATH, headers={"Authorization": f"Bearer {token}"}))[0] == 404


def test_a_new_token_holds_though_all_are_to_expire(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.control.misbehave(NAME, Kind.EXPIRED_TOKEN, path="/identity/")
    token = http.post("/identity/token", data=FORM, auth=secrets(sandbox)).json()["access_token"]

    assert told(http.delete(PATH, headers={"Authorization": f"Bearer {token}"}))[0] == 404


def test_a_reset_forgets_what_is_under_way(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.control.misbehave(NAME, Kind.LATE_OPERATION, count=1, delay_ms=60_000)
    workflow = http.put(PATH, json=ELIGIBILITY).headers["Location"]
    before = http.get(workflow).json()
    sandbox.control.reset(NAME)

    assert before == {"status": "Pending"}
    assert told(http.get(workflow)) == (404, "WorkflowNotFound")
    assert told(http.delete(PATH)) == (404, "EligibilityNotFound")


def test_only_the_latest_ends_are_remembered_and_nothing_of_what_was_written() -> None:
    async def ten() -> tuple[Workflows, list[weakref.ref[Body]]]:
        workflows, bodies = Workflows(kept=3), []
        for number in range(10):
            body = Body()
            Write(workflows, str(number), f"right {number % 2}", body.write, 0.0)()
            bodies.append(weakref.ref(body))
        del body
        async with asyncio.timeout(10):
            while workflows.concern("right 0") or workflows.concern("right 1"):  # noqa: ASYNC110 - they end by themselves
                await asyncio.sleep(0)
        return workflows, bodies

    workflows, bodies = asyncio.run(ten())
    gc.collect()

    known = {number: told for number in range(10) if (told := workflows.tell(str(number)))}
    assert {number: told.status for number, told in known.items()} == dict.fromkeys((7, 8, 9), "Completed")
    assert [body() for body in bodies] == [None] * 10
