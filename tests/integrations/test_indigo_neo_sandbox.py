"""Indigo Neo's sandbox, asked directly: strict about what the contract rules out, and true to what it promises."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import Sandbox
from tests.integrations.indigo_neo_rights import NAME

RIGHTS = "/rights/assigned"
ID = "5f0c4f5e-0d8e-4f0e-9a53-6f0d7c1f7e11"
OTHER = "0d5b8a52-6a3c-4d0f-8f0e-3f1c2b9f6a77"
IDENTIFIER = {"className": "FRNumberPlate", "id": "EF367QS"}
CREDENTIAL = {
    "type": "licensePlate",
    "identifier": IDENTIFIER,
    "issuer": [{"language": "en", "string": "Vehicle Registry"}],
}
SPECIFICATION = {"id": "resident.75014_A.75014_B", "version": 1}
USE = {"startTime": "2024-09-15T22:00:00Z", "endTime": "2025-09-16T22:00:00Z"}
RIGHT = {
    "id": ID,
    "version": 1,
    "rightSpecification": SPECIFICATION,
    "rightHolder": {"credentials": [CREDENTIAL]},
    "expiry": "2025-09-16T22:00:00Z",
    "plannedUses": [USE],
}

INVALID, PLATE, CLASS = "Invalid request", "Invalid credential identifier", "Unknown credential class"
UNKNOWN, PLACE = "Unknown right specification", "Unknown place"
TIMES, MISSING = "Invalid planned use", "Missing required attributes"


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    token = {"X-MCC-Access-Token": sandbox.access.secrets[NAME]["key"]}
    with httpx.Client(base_url=f"{sandbox.url}/{NAME}", headers=token, trust_env=False) as client:
        yield client


def holder(**other: object) -> dict[str, object]:
    return {"rightHolder": {"credentials": [CREDENTIAL | other]}}


def identified(**other: object) -> dict[str, object]:
    return holder(identifier=IDENTIFIER | other)


def used(**other: object) -> dict[str, object]:
    return {"plannedUses": [USE | other]}


def ends(moment: str) -> dict[str, object]:
    return used(endTime=moment) | {"expiry": moment}


def said(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert body["code"] == answer.status_code
    return body["code"], body["message"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"issueMethod": "electronic"}, INVALID),
        ({"id": ID.upper()}, INVALID),
        ({"id": "7"}, INVALID),
        ({"version": 0}, INVALID),
        ({"version": True}, INVALID),
        ({"version": "1"}, INVALID),
        ({"version": 2**31}, INVALID),
        ({"plannedUses": []}, INVALID),
        ({"plannedUses": [USE, USE]}, INVALID),
        ({"rightHolder": {"credentials": [CREDENTIAL, CREDENTIAL]}}, INVALID),
        ({"rightHolder": {"credentials": [CREDENTIAL], "name": "Somebody"}}, INVALID),
        (holder(type="rfid"), INVALID),
        (holder(issuer=[]), INVALID),
        (identified(name="Somebody"), INVALID),
        (used(cancelTime=None), INVALID),
        ({"rightSpecification": SPECIFICATION | {"version": True}}, INVALID),
        ({"rightSpecification": SPECIFICATION | {"version": 2}}, UNKNOWN),
        ({"rightSpecification": SPECIFICATION | {"id": "resident"}}, UNKNOWN),
        ({"rightSpecification": SPECIFICATION | {"id": "Resident.75014_A"}}, UNKNOWN),
        ({"rightSpecification": SPECIFICATION | {"id": "resident.75014_A."}}, PLACE),
        (identified(id="EF-367-QS"), PLATE),
        (identified(id="ef367qs"), PLATE),
        (identified(id="É" * 21), PLATE),
        (identified(className="FR"), CLASS),
        (identified(className="FRANumberPlate"), CLASS),
        (used(startTime="2024-09-16"), TIMES),
        (used(startTime="2024-09-15T22:00:00"), TIMES),
        (used(startTime="2024-09-16T00:00:00+02:00"), TIMES),
        (used(startTime="2024-09-15T22:00:00.000Z"), TIMES),
        (used(startTime="2024-09-16T00:00:00Z"), TIMES),
        (used(startTime="2024-09-31T22:00:00Z"), TIMES),
        (used(startTime="2025-09-16T22:00:00Z"), TIMES),
        (ends("2024-09-15T22:00:00Z"), TIMES),
        (ends("0000-12-31T23:50:39Z"), TIMES),
        (ends("0001-01-01T00:00:00Z"), TIMES),
        (ends("9999-12-31T23:00:00Z"), TIMES),
        ({"expiry": "2025-09-17T22:00:00Z"}, TIMES),
        (used(endTime=1711839600), TIMES),
    ],
)
def test_a_wrong_right_is_refused(http: httpx.Client, sandbox: Sandbox, change: dict[str, Any], message: str) -> None:
    answers = [http.post(RIGHTS, json=RIGHT | change), http.put(f"{RIGHTS}/{ID}", json=RIGHT | change)]

    assert [said(answer) for answer in answers] == [(400, message)] * 2
    assert sandbox.control.counts(NAME).held == 0


@pytest.mark.parametrize(
    ("method", "path", "kwargs", "expected"),
    [
        ("POST", RIGHTS, {"content": b"{}", "headers": {"Content-Type": "text/plain"}}, (400, INVALID)),
        ("POST", RIGHTS, {"content": b"{", "headers": {"Content-Type": "application/json"}}, (400, INVALID)),
        ("POST", RIGHTS, {"json": [RIGHT]}, (400, INVALID)),
        ("POST", f"{RIGHTS}?dry=1", {"json": RIGHT}, (400, INVALID)),
        ("PUT", f"{RIGHTS}/{OTHER}", {"json": RIGHT}, (400, INVALID)),
        ("PUT", f"{RIGHTS}/{ID}", {"json": RIGHT}, (404, "Not found")),
        ("DELETE", f"{RIGHTS}/{ID}", {}, (400, "Did not provide version number")),
        ("DELETE", f"{RIGHTS}/{ID}?version=0", {}, (400, INVALID)),
        ("DELETE", f"{RIGHTS}/{ID}?version=1&version=2", {}, (400, INVALID)),
        ("DELETE", f"{RIGHTS}/{ID}?version=1", {}, (404, "Not found")),
        ("DELETE", f"{RIGHTS}/{ID}?version=1", {"json": {}}, (400, INVALID)),
        ("GET", f"{RIGHTS}/{ID}", {}, (404, "Not found")),
        ("GET", f"{RIGHTS}/seven", {}, (404, "Not found")),
        ("GET", f"{RIGHTS}/{ID}?expand=credentials", {}, (400, INVALID)),
        ("GET", f"{RIGHTS}?expand=plannedUses,what", {}, (400, INVALID)),
        ("GET", f"{RIGHTS}?page=2", {}, (400, INVALID)),
        ("GET", f"{RIGHTS}?offset=-1", {}, (400, INVALID)),
        ("GET", f"{RIGHTS}?modified_since=yesterday", {}, (400, INVALID)),
        ("GET", f"{RIGHTS}?reference_instant=7", {}, (400, "Unknown reference instant")),
        ("PATCH", f"{RIGHTS}/{ID}", {"json": RIGHT}, (405, "Method not allowed")),
        ("DELETE", RIGHTS, {}, (405, "Method not allowed")),
    ],
)
def test_a_wrong_request_is_refused(
    http: httpx.Client, method: str, path: str, kwargs: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert said(http.request(method, path, **kwargs)) == expected


@pytest.mark.parametrize("token", [{}, {"X-MCC-Access-Token": "another-one-altogether"}, {"X-API-Key": "no"}])
def test_a_missing_or_unknown_token_is_refused(sandbox: Sandbox, token: dict[str, str]) -> None:
    answer = httpx.get(f"{sandbox.url}/{NAME}{RIGHTS}", headers=token, trust_env=False)

    assert said(answer) == (401, "Unknown access token")


def test_a_wrong_address_is_not_an_unknown_right(http: httpx.Client) -> None:
    for path in (f"{RIGHTS}/", "/rights", f"/rights/specs/{ID}"):
        answer = http.delete(f"{path}?version=1")
        assert (answer.status_code, answer.content) == (404, b"no such resource")


def test_planned_uses_are_told_to_those_who_ask(http: httpx.Client) -> None:
    http.post(RIGHTS, json=RIGHT)
    plain = {name: value for name, value in RIGHT.items() if name != "plannedUses"}

    for query, expected in (
        ("", plain),
        ("?expand=none", plain),
        ("?expand=plannedUses", RIGHT),
        ("?expand=all", RIGHT),
    ):
        assert http.get(f"{RIGHTS}/{ID}{query}").json() == expected
        assert http.get(f"{RIGHTS}{query}").json()["data"] == [expected]


def test_a_duplicate_is_a_conflict_and_so_is_what_a_deletion_has_overtaken(http: httpx.Client) -> None:
    http.post(RIGHTS, json=RIGHT)
    assert said(http.post(RIGHTS, json=RIGHT | {"version": 2})) == (409, "Duplicate identifier")
    assert http.delete(f"{RIGHTS}/{ID}?version=3").json() == {"status": "ok"}

    for answer in (
        http.post(RIGHTS, json=RIGHT | {"version": 3}),
        http.put(f"{RIGHTS}/{ID}", json=RIGHT | {"version": 3}),
        http.delete(f"{RIGHTS}/{ID}?version=2"),
    ):
        assert said(answer) == (409, "Outdated version number provided")
    assert http.post(RIGHTS, json=RIGHT | {"version": 4}).status_code == 201


def test_an_update_again_is_no_conflict_unless_it_says_something_else(http: httpx.Client) -> None:
    http.post(RIGHTS, json=RIGHT)
    changed = RIGHT | identified(id="GH456RT")

    statuses = [
        http.put(f"{RIGHTS}/{ID}", json=right | {"version": version}).status_code
        for right, version in ((RIGHT, 1), (changed, 1), (changed, 2), (changed, 2), (RIGHT, 2), (RIGHT, 1))
    ]

    assert statuses == [200, 409, 200, 200, 409, 409]


def test_changes_are_listed_with_what_was_deleted(http: httpx.Client) -> None:
    http.post(RIGHTS, json=RIGHT)
    http.post(RIGHTS, json=RIGHT | {"id": OTHER})
    before = http.get(RIGHTS).json()["meta"]["referenceInstant"] - 1
    http.delete(f"{RIGHTS}/{OTHER}?version=2")

    changed = http.get(f"{RIGHTS}?modified_since={before}").json()
    assert [right["id"] for right in changed["data"]] == [ID]
    assert [(gone["id"], gone["className"]) for gone in changed["deletedReferences"]] == [(OTHER, "AssignedRight")]
    assert changed["meta"]["total"] == 2

    later = http.get(f"{RIGHTS}?modified_since={before + 3600}").json()
    assert (later["data"], later["deletedReferences"], later["meta"]["total"]) == ([], [], 0)
    assert "deletedReferences" not in http.get(RIGHTS).json()
