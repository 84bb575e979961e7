"""Flowbird's sandbox refuses requests outside the contract."""

import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integrations.sandbox.misbehaviour import Kind
from tests.conftest import Sandbox
from tests.integrations.flowbird_rights import BATCH, NAME

REFERENCE = "5f0c4f5e-0d8e-4f0e-9a53-6f0d7c1f7e11"
RIGHT: dict[str, Any] = {
    "plate": "EF367QS",
    "zones": [{"code": "75014_A"}, {"code": "75014_B"}],
    "product": "resident",
    "from": "2024-09-16T00:00:00+02:00",
    "until": "2025-09-17T00:00:00+02:00",
}
UPSERT: dict[str, Any] = {"action": "UPSERT", "reference": REFERENCE, "right": RIGHT}
REMOVAL: dict[str, Any] = {"action": "REMOVE", "reference": REFERENCE}
JSON = {"Content-Type": "application/json"}
FORM = {"grant_type": "client_credentials"}


@pytest.fixture
def trust(sandbox: Sandbox) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=sandbox.access.authority)
    context.load_cert_chain(sandbox.access.client_certificate)
    return context


@pytest.fixture
def client(sandbox: Sandbox) -> tuple[str, str]:
    secrets = sandbox.access.secrets[NAME]
    return secrets["client_id"], secrets["client_secret"]


@pytest.fixture
def http(sandbox: Sandbox, trust: ssl.SSLContext, client: tuple[str, str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{sandbox.tls_url}/{NAME}", verify=trust, trust_env=False) as found:
        token = found.post("/oauth2/token", auth=client, data=FORM).json()["access_token"]
        found.headers["Authorization"] = f"Bearer {token}"
        yield found


def batch(*rows: object) -> dict[str, object]:
    return {"rows": [*rows]}


def right(**other: object) -> dict[str, Any]:
    return UPSERT | {"right": RIGHT | other}


def without(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        {},
        right(country="FR"),
        right(zones=[]),
        right(zones="75014_A"),
        right(zones=["75014_A"]),
        right(zones=[{"code": "75014_A", "name": "Plaisance"}]),
        right(zones=[{"code": f"7500{number}"} for number in range(9)]),
        right(plate=7),
        right(product=None),
        right(**{"from": 1711839600}),
        *(UPSERT | {"right": without(RIGHT, name)} for name in RIGHT),
        *(without(UPSERT, name) for name in UPSERT),
        UPSERT | {"version": 1},
        UPSERT | {"action": "DELETE"},
        UPSERT | {"reference": "a/b"},
        UPSERT | {"reference": "x" * 41},
        UPSERT | {"right": None},
        REMOVAL | {"right": RIGHT},
        REMOVAL | {"reference": 7},
        without(REMOVAL, "reference"),
    ],
)
def test_a_malformed_row_refuses_the_whole_batch(http: httpx.Client, sandbox: Sandbox, row: object) -> None:
    answer = http.post(BATCH, json=batch(UPSERT, row))

    assert (answer.status_code, answer.json()) == (422, {"result": "KO", "reason": "BATCH_REFUSED"})
    assert sandbox.control.counts(NAME).applied == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"plate": "EF-367-QS"}, "PLATE_FORMAT"),
        ({"plate": "ef367qs"}, "PLATE_FORMAT"),
        ({"plate": ""}, "PLATE_FORMAT"),
        ({"plate": "É" * 21}, "PLATE_FORMAT"),
        ({"zones": [{"code": "eleven_long"}]}, "ZONE_UNKNOWN"),
        ({"zones": [{"code": "75014_A"}, {"code": "75014_A"}]}, "ZONE_UNKNOWN"),
        ({"product": "Resident"}, "PRODUCT_UNKNOWN"),
        ({"from": "2024-09-16"}, "PERIOD_INVALID"),
        ({"from": "2024-09-16T00:00:00"}, "PERIOD_INVALID"),
        ({"from": "2024-09-16T00:00:00Z"}, "PERIOD_INVALID"),
        ({"from": "2024-09-31T00:00:00+02:00"}, "PERIOD_INVALID"),
        ({"from": "9999-12-31T23:59:59-02:00"}, "PERIOD_INVALID"),
        ({"from": "2025-09-17T00:00:00+02:00"}, "PERIOD_INVALID"),
        ({"until": "2025-09-16T23:59:59+02:00"}, "PERIOD_INVALID"),
    ],
)
def test_a_wrong_value_refuses_only_its_row(
    http: httpx.Client, sandbox: Sandbox, change: dict[str, Any], reason: str
) -> None:
    other = UPSERT | {"reference": "another"}

    answer = http.post(BATCH, json=batch(right(**change), other))

    assert answer.json()["results"] == [
        {"row": 0, "reference": REFERENCE, "result": "KO", "reason": reason},
        {"row": 1, "reference": "another", "result": "OK"},
    ]
    assert (sandbox.control.counts(NAME).held, sandbox.control.counts(NAME).foreign) == (1, 1)


def test_rows_are_applied_in_order(http: httpx.Client, sandbox: Sandbox) -> None:
    answer = http.post(BATCH, json=batch(REMOVAL, UPSERT, REMOVAL, REMOVAL, right(plate="WW123AA")))

    assert [result["result"] for result in answer.json()["results"]] == ["KO", "OK", "OK", "KO", "OK"]
    assert [record.plate for record in sandbox.control.held(NAME).values()] == ["WW123AA"]


@pytest.mark.parametrize(
    ("method", "path", "kwargs", "status"),
    [
        ("POST", BATCH, {"content": b'{"rows": []}', "headers": {"Content-Type": "text/plain"}}, 415),
        ("POST", BATCH, {"content": b"{", "headers": JSON}, 400),
        ("POST", BATCH, {"content": b"", "headers": JSON}, 400),
        ("POST", BATCH, {"content": b"\xff", "headers": JSON}, 400),
        ("POST", f"{BATCH}?dry=1", {"json": batch(UPSERT)}, 400),
        ("POST", BATCH, {"json": [UPSERT]}, 422),
        ("POST", BATCH, {"json": batch()}, 422),
        ("POST", BATCH, {"json": batch(UPSERT) | {"atomic": True}}, 422),
        ("POST", BATCH, {"json": batch(*[UPSERT] * 501)}, 413),
        ("POST", BATCH, {"json": batch(UPSERT), "headers": {"Authorization": "Bearer another"}}, 401),
        ("POST", BATCH, {"json": batch(UPSERT), "headers": {"Authorization": ""}}, 401),
        ("PUT", BATCH, {"json": batch(UPSERT)}, 405),
        ("POST", "/hub/v1/rights", {"json": batch(UPSERT)}, 405),
        ("GET", "/hub/v1/rights?limit=0", {}, 400),
        ("GET", "/hub/v1/rights?limit=1001", {}, 400),
        ("GET", "/hub/v1/rights?limit=1&limit=2", {}, 400),
        ("GET", "/hub/v1/rights?cursor=", {}, 400),
        ("GET", "/hub/v1/rights?cursor=abc", {}, 400),
        ("GET", "/hub/v1/rights?page=2", {}, 400),
        ("GET", "/hub/v1/rights/", {}, 404),
        ("GET", "/oauth2/token", {}, 405),
        ("POST", "/oauth2/token", {"data": FORM}, 401),
    ],
)
def test_a_wrong_request_is_refused(
    http: httpx.Client, sandbox: Sandbox, method: str, path: str, kwargs: dict[str, Any], status: int
) -> None:
    assert http.request(method, path, **kwargs).status_code == status
    assert sandbox.control.counts(NAME).applied == 0


@pytest.mark.parametrize("form", [{}, {"grant_type": "password"}, FORM | {"scope": "openid"}], ids=str)
def test_another_grant_type_is_refused(http: httpx.Client, client: tuple[str, str], form: dict[str, str]) -> None:
    assert http.post("/oauth2/token", auth=client, data=form).status_code == 400


@pytest.mark.parametrize(("method", "path"), [("POST", "/oauth2/token"), ("POST", BATCH), ("GET", "/hub/v1/rights")])
def test_a_client_without_a_certificate_gets_no_answer(
    sandbox: Sandbox, http: httpx.Client, client: tuple[str, str], method: str, path: str
) -> None:
    nameless = ssl.create_default_context(cafile=sandbox.access.authority)
    headers = http.headers if path != "/oauth2/token" else None

    answer = httpx.request(
        method,
        f"{sandbox.tls_url}/{NAME}{path}",
        verify=nameless,
        headers=headers,
        auth=None if headers else client,
        trust_env=False,
    )

    assert (answer.status_code, answer.json()["reason"]) == (403, "CERTIFICATE_NEEDED")


def test_plain_http_is_not_served(sandbox: Sandbox) -> None:
    assert httpx.get(f"{sandbox.url}/{NAME}/hub/v1/rights", trust_env=False).status_code == 404


def test_all_tokens_expire_together(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.control.misbehave(NAME, Kind.EXPIRED_TOKEN, count=1)

    answers = [http.get("/hub/v1/rights") for _ in range(2)]

    assert [(answer.status_code, answer.headers["WWW-Authenticate"]) for answer in answers] == [(401, "Bearer")] * 2


def test_the_log_shows_no_tokens_or_secrets(http: httpx.Client, sandbox: Sandbox, client: tuple[str, str]) -> None:
    token = http.headers["Authorization"].removeprefix("Bearer ")
    http.get("/hub/v1/rights")

    told = "".join(f"{one.headers}{one.body}{one.path}" for one in sandbox.control.requests(NAME))

    assert "[a token]" in told
    assert not any(secret in told for secret in (token, *client))
