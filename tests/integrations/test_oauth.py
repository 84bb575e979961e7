"""OAuth2 client credentials, against a provider that issues tokens over real sockets."""

import asyncio
import traceback
from base64 import b64decode
from pathlib import Path
from urllib.parse import parse_qs, unquote_plus

import pytest

from integrations.errors import FailureCode, NotSentError
from integrations.http import ProviderClient
from integrations.oauth import kept_for
from tests.integrations.certificates import Authority
from tests.integrations.issuing import ID, SECRET, Issuer, authorised
from tests.integrations.scripted import failed
from tests.support.waiting import eventually_in_loop

AT_ONCE = 50


async def put(found: ProviderClient) -> object:
    """Return the token that a request was served with."""
    answer = await found.exchange("PUT", "/thing", {"some": "body"})
    assert isinstance(answer.data, dict)
    assert answer.data["got"] == {"some": "body"}
    return answer.data["token"]


def test_the_token_request_is_as_in_the_standard() -> None:
    issuer = Issuer()

    assert issuer.run(put) == "token-0"

    ((authorization, body),) = issuer.asked
    scheme, _, credentials = authorization.partition(" ")
    user, _, password = b64decode(credentials).decode().partition(":")
    assert (scheme, unquote_plus(user), unquote_plus(password)) == ("Basic", ID, SECRET)
    assert parse_qs(body) == {"grant_type": ["client_credentials"]}


def test_a_token_is_kept() -> None:
    issuer = Issuer()

    async def work(found: ProviderClient) -> list[object]:
        return [await put(found) for _ in range(3)]

    assert issuer.run(work) == ["token-0"] * 3
    assert len(issuer.asked) == 1


def test_waiting_requests_share_one_token() -> None:
    issuer = Issuer()

    async def work(found: ProviderClient) -> list[object]:
        return await asyncio.gather(*(put(found) for _ in range(AT_ONCE)))

    assert issuer.run(work) == ["token-0"] * AT_ONCE
    assert len(issuer.asked) == 1


def test_a_refused_token_is_renewed_and_the_request_sent_once_more() -> None:
    issuer = Issuer()

    async def work(found: ProviderClient) -> list[object]:
        before = await put(found)
        issuer.valid.clear()
        return [before, await put(found), await put(found)]

    assert issuer.run(work) == ["token-0", "token-1", "token-1"]
    assert issuer.served == [("token-0", 200), ("token-0", 401), ("token-1", 200), ("token-1", 200)]
    assert len(issuer.asked) == 2


def test_requests_with_a_refused_token_share_one_new_token() -> None:
    issuer = Issuer()

    async def work(found: ProviderClient) -> list[object]:
        await put(found)
        issuer.valid.clear()
        return await asyncio.gather(*(put(found) for _ in range(AT_ONCE)))

    assert issuer.run(work) == ["token-1"] * AT_ONCE
    assert issuer.statuses().count(401) <= AT_ONCE
    assert len(issuer.asked) == 2


def test_a_late_refusal_of_an_old_token_keeps_the_new_one() -> None:
    issuer, answer_it = Issuer(), asyncio.Event()

    async def work(found: ProviderClient) -> list[object]:
        await put(found)
        issuer.valid.clear()
        issuer.held.append(answer_it)
        late = asyncio.create_task(put(found))
        await eventually_in_loop(lambda: not issuer.held)
        early = await put(found)
        answer_it.set()
        return [early, await late, await put(found)]

    assert issuer.run(work) == ["token-1"] * 3
    assert len(issuer.asked) == 2


def test_a_refused_new_token_is_not_renewed_until_the_next_request() -> None:
    issuer = Issuer()

    async def work(found: ProviderClient) -> object:
        issuer.answers = 401
        error = await failed(found)
        assert (type(error), error.code, error.status) == (NotSentError, FailureCode.UNAUTHORISED, 401)
        assert "token-" not in "".join(traceback.format_exception(error)) + repr(vars(error))
        assert issuer.served == [("token-0", 401), ("token-1", 401)]
        issuer.answers = 200
        return await put(found)

    assert issuer.run(work) == "token-1"


def test_a_forbidden_or_throttled_request_is_not_sent_again() -> None:
    issuer = Issuer()

    async def work(found: ProviderClient) -> None:
        for status in (403, 429):
            issuer.answers = status
            assert (await failed(found)).status == status

    issuer.run(work)

    assert issuer.served == [("token-0", 403), ("token-0", 429)]
    assert len(issuer.asked) == 1


def test_a_token_is_renewed_before_its_end() -> None:
    issuer = Issuer(life=0.2)

    async def work(found: ProviderClient) -> None:
        while len(issuer.asked) < 3:
            await put(found)

    issuer.run(work)

    tokens = [token for token, _ in issuer.served]
    assert set(issuer.statuses()) == {200}
    assert tokens == sorted(tokens)
    assert len(set(tokens)) == 3


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (3600, 3570.0),
        (10, 8.0),
        (0.5, 0.4),
        (10**400, 86_370.0),
        (None, 270.0),
        (0, 270.0),
        (True, 270.0),
        ("9", 270.0),
    ],
)
def test_a_token_is_kept_until_shortly_before_its_end(expires_in: object, seconds: float) -> None:
    assert kept_for(expires_in) == seconds


def test_the_token_endpoint_gets_our_certificate(tmp_path: Path) -> None:
    authority, ours = Authority(tmp_path), tmp_path / "ours.pem"
    ours.write_bytes(authority.client("hub"))

    async def once() -> object:
        issuer = Issuer()
        async with (
            issuer.serving(authority.server(clients=authority)),
            authorised(issuer, authority=authority.file, certificate=ours) as found,
        ):
            await put(found)
        return issuer.names

    assert asyncio.run(once()) == ["hub", "hub"]


def test_no_repr_shows_a_secret() -> None:
    issuer = Issuer()

    async def work(found: ProviderClient) -> list[object]:
        await put(found)
        authorisation = found._authorisation
        return [found, authorisation, authorisation._token, vars(authorisation)]  # type: ignore[union-attr]

    shown = repr(issuer.run(work))

    assert "_Token" in shown
    assert not any(secret in shown for secret in ("token-0", ID, SECRET))
