"""OAuth2 client credentials when the token endpoint fails, hangs or lies: nothing is sent, no secret is shown."""

import asyncio
import json
import logging
import traceback
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote_plus

import pytest
from aiohttp import web

from integrations.errors import FailureCode, NotSentError, ProviderError
from integrations.http import ProviderClient
from integrations.oauth import ATTEMPTS
from tests.integrations.issuing import ID, SECRET, Issue, Issuer
from tests.integrations.scripted import PLATE, failed
from tests.support.waiting import eventually_in_loop

AT_ONCE = 50
TOKEN = "a-token-that-nobody-may-see"
GOOD: dict[str, object] = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 60}
BASIC = b64encode(f"{quote_plus(ID)}:{quote_plus(SECRET)}".encode()).decode()
SECRETS = (TOKEN, BASIC, ID, SECRET, quote_plus(ID), quote_plus(SECRET), PLATE)


@pytest.fixture(autouse=True)
def _no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert not any(secret in caplog.text for secret in SECRETS)


def answer(status: int, body: str, **headers: str) -> Issue:
    async def issue(number: int) -> web.StreamResponse:
        return web.Response(status=status, text=body, headers={"Content-Type": "application/json", **headers})

    return issue


def failure(issuer: Issuer) -> ProviderError:
    """Return the error of a PUT without a token; it must not be sent, and its error must show no secret."""
    found = issuer.run(failed)
    assert type(found) is NotSentError
    assert issuer.served == []
    told = "".join(traceback.format_exception(found)) + repr(found) + repr(vars(found))
    assert not any(secret in told for secret in SECRETS)
    assert found.__cause__ is None
    assert found.__context__ is None
    return found


@pytest.mark.parametrize(
    ("status", "body", "code", "attempts"),
    [
        (401, '{"error":"invalid_client"}', FailureCode.UNAUTHORISED, 1),
        (400, '{"error":"invalid_grant"}', FailureCode.UNAUTHORISED, 1),
        (403, "", FailureCode.UNAUTHORISED, 1),
        (404, '{"error":"nothing here"}', FailureCode.UNAUTHORISED, 1),
        (404, "<html>", FailureCode.ANSWER_UNREADABLE, ATTEMPTS),
        (500, "{}", FailureCode.SERVER_ERROR, ATTEMPTS),
        (503, "", FailureCode.UNAVAILABLE, ATTEMPTS),
        (302, "", FailureCode.REDIRECTED, 1),
        (429, "", FailureCode.THROTTLED, 1),
        (200, " " * 1_000_001, FailureCode.ANSWER_TOO_LARGE, 1),
    ],
)
def test_each_answer_without_a_token_has_its_error(status: int, body: str, code: FailureCode, attempts: int) -> None:
    issuer = Issuer(answer(status, body))

    found = failure(issuer)

    assert (found.code, found.status) == (code, status)
    assert len(issuer.asked) == attempts


@pytest.mark.parametrize(("status", "code"), [(429, FailureCode.THROTTLED), (503, FailureCode.UNAVAILABLE)])
def test_retry_after_is_obeyed_and_passed_on(status: int, code: FailureCode) -> None:
    issuer = Issuer(answer(status, "", **{"Retry-After": "7"}))

    found = failure(issuer)

    assert (found.code, found.retry_after) == (code, 7.0)
    assert len(issuer.asked) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "<html>",
        json.dumps(GOOD)[:-5],
        json.dumps({"token_type": "Bearer"}),
        json.dumps({"access_token": TOKEN}),
        json.dumps({**GOOD, "token_type": "mac"}),
        json.dumps({**GOOD, "access_token": ""}),
        json.dumps({**GOOD, "access_token": 5}),
        json.dumps({**GOOD, "access_token": f"{TOKEN}\r\nX-Other: 1"}),
        json.dumps({**GOOD, "access_token": f"{TOKEN}é"}, ensure_ascii=False),
        json.dumps({**GOOD, "access_token": f"{TOKEN} "}),
    ],
)
def test_a_malformed_token_is_refused(body: str) -> None:
    assert failure(Issuer(answer(200, body))).code == FailureCode.ANSWER_UNREADABLE


@pytest.mark.parametrize(
    "expires_in", ["0", "-1", "null", '"3600"', "true", "NaN", "Infinity", "1e999", "1" + "0" * 400, "{}", "0.5e-300"]
)
def test_a_malformed_expiry_only_renews_early(expires_in: str) -> None:
    body = f'{{"access_token": "token-0", "token_type": "bearer", "expires_in": {expires_in}}}'
    issuer = Issuer(answer(200, body))
    issuer.valid.add("token-0")

    async def work(found: ProviderClient) -> int:
        return (await found.exchange("PUT", "/thing", {})).status

    assert issuer.run(work) == 200


def test_a_short_failure_fails_no_request() -> None:
    async def issue(number: int) -> web.StreamResponse | None:
        return web.Response(status=500) if number < ATTEMPTS - 1 else None

    issuer = Issuer(issue)

    async def work(found: ProviderClient) -> int:
        return (await found.exchange("PUT", "/thing", {})).status

    assert issuer.run(work) == 200
    assert len(issuer.asked) == ATTEMPTS


def test_a_token_endpoint_that_is_down_is_not_connected() -> None:
    issuer = Issuer()

    async def work(found: ProviderClient) -> ProviderError:
        await issuer.stop()
        return await failed(found)

    found = issuer.run(work)

    assert (type(found), found.code) == (NotSentError, FailureCode.NOT_CONNECTED)


def test_a_token_endpoint_that_hangs_up_means_not_sent() -> None:
    issuer = Issuer(hangs_up=True)

    assert failure(issuer).code == FailureCode.CONNECTION_LOST
    assert len(issuer.asked) == ATTEMPTS


def test_waiting_requests_share_one_failure() -> None:
    issuer = Issuer(answer(401, "{}"))

    async def work(found: ProviderClient) -> list[ProviderError]:
        return await asyncio.gather(*(failed(found) for _ in range(AT_ONCE)))

    found = issuer.run(work)

    assert {error.code for error in found} == {FailureCode.UNAUTHORISED}
    assert len(set(map(id, found))) == AT_ONCE
    assert len(issuer.asked) == 1


def test_a_cancelled_request_does_not_cancel_the_fetch() -> None:
    issue_it = asyncio.Event()

    async def issue(number: int) -> web.StreamResponse | None:
        await issue_it.wait()
        return None

    issuer = Issuer(issue)

    async def work(found: ProviderClient) -> int:
        async def give_up() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await found.exchange("PUT", "/thing", {})

        patient = asyncio.create_task(found.exchange("PUT", "/thing", {}))
        await asyncio.gather(*(give_up() for _ in range(AT_ONCE)))
        assert len(issuer.asked) == 1
        issue_it.set()
        return (await patient).status

    assert issuer.run(work) == 200
    assert len(issuer.asked) == 1
    assert len(issuer.served) == 1


def test_a_request_without_a_token_in_time_is_not_sent() -> None:
    issue_it = asyncio.Event()

    async def issue(number: int) -> web.StreamResponse | None:
        await issue_it.wait()
        return None

    issuer = Issuer(issue)

    async def work(found: ProviderClient) -> int:
        async with asyncio.timeout(3.0):  # the longest deadline of a request
            error = await failed(found)
        assert (type(error), error.code) == (NotSentError, FailureCode.TIMED_OUT)
        issue_it.set()
        return (await found.exchange("PUT", "/thing", {})).status

    assert issuer.run(work) == 200
    assert len(issuer.asked) == 1


def test_a_hanging_fetch_is_repeated() -> None:
    async def issue(number: int) -> web.StreamResponse | None:
        return await _never(number) if number == 0 else None

    issuer = Issuer(issue)

    async def work(found: ProviderClient) -> int:
        await failed(found)
        return (await found.exchange("PUT", "/thing", {})).status

    assert issuer.run(work) == 200
    assert len(issuer.asked) == 2


def test_closing_cancels_a_running_fetch() -> None:
    issuer = Issuer(_never)

    async def work(found: ProviderClient) -> ProviderError:
        waiting = asyncio.create_task(failed(found))
        await eventually_in_loop(lambda: len(issuer.asked), equals=1)
        await found.aclose()
        return await waiting

    assert issuer.run(work).code == FailureCode.TIMED_OUT


async def _never(number: int) -> web.StreamResponse | None:
    await asyncio.Event().wait()
    return None
