"""EasyPark's sandbox, asked directly: strict about what the contract rules out."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import Sandbox
from tests.integrations.easypark_rights import NAME

REFERENCE = "5f0c4f5e-0d8e-4f0e-9a53-6f0d7c1f7e11"
RIGHT = {
    "externalReferenceId": REFERENCE,
    "licensePlate": "EF367QS",
    "licensePlateCountry": "FR",
    "locationCode": "75014_A",
    "enforcementLocations": ["75014_A", "75014_B"],
    "profile": "resident",
    "startDate": "2024-09-16T00:00:00+02:00",
    "endDate": "2025-09-17T00:00:00+02:00",
}


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    key = {"x-api-key": sandbox.access.secrets[NAME]["key"]}
    with httpx.Client(base_url=f"{sandbox.url}/{NAME}", headers=key, trust_env=False) as client:
        yield client


def number(answer: httpx.Response) -> int:
    return int(answer.json()["errors"][0]["code"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amount": 0}, 2),
        ({"profile": None}, 2),
        ({"externalReferenceId": "a/b"}, 2),
        ({"externalReferenceId": "x" * 51}, 2),
        ({"enforcementLocations": []}, 2),
        ({"enforcementLocations": "75014_A"}, 2),
        ({"locationCode": "75014_B"}, 23),
        ({"locationCode": None}, 23),
        ({"licensePlate": "EF-367-QS"}, 1101),
        ({"licensePlate": "É" * 21}, 1101),
        ({"startDate": "2024-09-16"}, 1104),
        ({"startDate": "2024-09-16T00:00:00"}, 1104),
        ({"startDate": "2024-09-16T00:00:00Z"}, 1104),
        ({"startDate": "2024-09-31T00:00:00+02:00"}, 1104),
        ({"startDate": "9999-12-31T23:59:59-02:00"}, 1104),
        ({"startDate": "2025-09-17T00:00:00+02:00"}, 1104),
        ({"endDate": 1711839600}, 2),
    ],
)
def test_a_wrong_right_is_refused(http: httpx.Client, sandbox: Sandbox, change: dict[str, Any], expected: int) -> None:
    answers = [
        http.post("/parking/register", json=RIGHT | change),
        http.put(f"/parking/extend/{REFERENCE}", json=RIGHT | change),
    ]

    assert [(answer.status_code, number(answer)) for answer in answers] == [(400, expected)] * 2
    assert sandbox.control.counts(NAME).held == 0


def test_the_reference_in_a_right_is_that_of_its_address(http: httpx.Client) -> None:
    http.post("/parking/register", json=RIGHT)

    assert http.put("/parking/extend/another", json=RIGHT).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "kwargs", "status"),
    [
        ("POST", "/parking/register", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415),
        ("POST", "/parking/register", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/parking/register", {"json": [RIGHT]}, 400),
        ("POST", "/parking/register?dry=1", {"json": RIGHT}, 400),
        ("GET", "/parking?limit=0", {}, 400),
        ("GET", "/parking?limit=1001", {}, 400),
        ("GET", "/parking?limit=1&limit=2", {}, 400),
        ("GET", "/parking?after=", {}, 400),
        ("GET", "/parking?page=2", {}, 400),
        ("DELETE", f"/parking/cancel/{REFERENCE}", {"json": {}}, 400),
        ("DELETE", "/parking/cancel/", {}, 400),
        ("DELETE", f"/parking/cancel/{REFERENCE}", {"headers": {"x-api-key": "another-key-altogether"}}, 401),
        ("PATCH", f"/parking/extend/{REFERENCE}", {"json": RIGHT}, 405),
        ("GET", "/parking/", {}, 404),
        ("POST", "/parkings/register", {"json": RIGHT}, 404),
    ],
)
def test_a_wrong_request_is_refused(
    http: httpx.Client, sandbox: Sandbox, method: str, path: str, kwargs: dict[str, Any], status: int
) -> None:
    assert http.request(method, path, **kwargs).status_code == status
    assert sandbox.control.counts(NAME).applied == 0


def test_a_right_comes_back_in_utc_with_the_rest_inside(http: httpx.Client) -> None:
    made = http.post("/parking/register", json=RIGHT)
    duplicate = http.post("/parking/register", json=RIGHT | {"licensePlate": "WW123AA"})
    listed = http.get("/parking").json()

    assert (made.status_code, duplicate.status_code) == (201, 409)
    assert made.json() == duplicate.json() == listed["parkingrights"][0]
    assert made.json()["startDate"] == "2024-09-15T22:00:00Z"
    assert made.json()["extraProperties"] == {
        "locationCode": "75014_A",
        "licensePlateCountry": "FR",
        "enforcementLocations": '["75014_A", "75014_B"]',
    }
