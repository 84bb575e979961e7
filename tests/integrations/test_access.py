"""Tokens and certificates that expire or are replaced while requests run, for every provider with either."""

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import pytest
import trustme

from integrations import registry
from integrations.errors import FailureCode, NotSentError, ProviderError, UnclearError
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedPermit
from tests.conftest import Sandbox
from tests.integrations.conftest import Run
from tests.integrations.credentials import grants, token
from tests.integrations.engine import Hub
from tests.integrations.secrecy import TOKEN, says_nothing
from tests.integrations.subjects import PARIS, Remote, another, changed, expected, whose_sandbox

WITH_TOKENS = whose_sandbox(lambda its: Kind.EXPIRED_TOKEN in its.kinds)
WITH_CERTIFICATES = whose_sandbox(lambda its: its.tls)

LIVES = 48  # permits that are put, changed and removed meanwhile
AT_ONCE = 12
RENEWALS = 4


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_one_token_serves_all_requests(subject: Remote, hub: Hub, permit: SharedPermit, run: Run) -> None:
    async def many() -> None:
        await asyncio.gather(*(hub.put(another(permit, number)) for number in range(20)))
        await hub.put(permit)

    run(many())

    assert len(grants(subject)) == 1


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_an_expired_token_is_renewed_without_a_failed_request(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run(hub.put(permit))
    for wanted in (changed(permit), None):
        subject.misbehave(Kind.EXPIRED_TOKEN)
        with caplog.at_level("DEBUG"):
            assert run(hub.converge(permit.reference, wanted)) == []

    assert subject.held() == {}
    assert len(grants(subject)) == 3
    says_nothing(subject.secrets, None, caplog.text, repr(vars(subject.adapter)))


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_a_token_that_is_always_refused_is_not_renewed_without_end(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    run(hub.put(permit))
    subject.control.misbehave(subject.name, Kind.EXPIRED_TOKEN)
    before = len(subject.sent())

    with pytest.raises(NotSentError) as caught:
        run(hub.put(changed(permit)))

    assert (caught.value.code, caught.value.status) == (FailureCode.UNAUTHORISED, 401)
    assert len(subject.sent()) == before + 3  # the change, a new token, the change
    says_nothing(subject.secrets, caught.value)
    assert subject.held() == {permit.reference: expected(subject, permit)}


@pytest.mark.parametrize("provider", WITH_TOKENS)  # test_oauth_failures.py has the other ways to get none
def test_without_a_token_nothing_was_sent(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run(hub.put(permit))
    token_path = grants(subject)[0].path
    subject.control.misbehave(subject.name, Kind.EXPIRED_TOKEN, count=1)
    subject.control.misbehave(subject.name, Kind.DOWN, path=token_path)

    with caplog.at_level("DEBUG"), pytest.raises(NotSentError) as caught:
        run(hub.put(changed(permit)))

    says_nothing([*subject.secrets, str(permit.plate)], caught.value, caplog.text)
    assert subject.held() == {permit.reference: expected(subject, permit)}
    subject.behave()
    assert run(hub.converge(permit.reference, changed(permit))) == []


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_tokens_are_renewed_under_load(subject: Remote, hub: Hub, permit: SharedPermit, run: Run) -> None:
    def expire() -> None:
        subject.control.misbehave(subject.name, Kind.EXPIRED_TOKEN, count=1)

    errors = run(_live(hub, permit, expire))

    assert errors == []
    assert subject.held() == {}
    assert 2 <= len(grants(subject)) <= 1 + 2 * RENEWALS  # not one for each running request


@pytest.mark.parametrize("provider", WITH_CERTIFICATES)
def test_an_expired_certificate_is_named_and_nothing_sent(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run(hub.put(permit))
    subject.control.misbehave(subject.name, Kind.EXPIRED_CERTIFICATE)
    with suppress(UnclearError):
        run(hub.put(permit))  # may find that its connection has just been closed

    for wanted in (changed(permit), None):
        with caplog.at_level("DEBUG"), pytest.raises(NotSentError) as caught:
            run(hub.carry_out(hub.change(permit.reference, wanted)))
        assert caught.value.code == FailureCode.CERTIFICATE_WRONG
        says_nothing([*subject.secrets, str(permit.plate)], caught.value, caplog.text)

    assert subject.held() == {permit.reference: expected(subject, permit)}
    subject.behave()
    run(hub.put(changed(permit)))
    assert subject.held() == {permit.reference: expected(subject, changed(permit))}


@pytest.mark.parametrize("provider", WITH_CERTIFICATES)
def test_the_servers_certificate_is_replaced_under_load(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    run(hub.put(permit))

    def expire() -> None:
        subject.control.misbehave(subject.name, Kind.EXPIRED_CERTIFICATE, count=1)

    errors = run(_live(hub, permit, expire))

    assert {error.code for error in errors} <= {FailureCode.CERTIFICATE_WRONG, FailureCode.CONNECTION_LOST}
    assert errors
    assert subject.held().keys() == {permit.reference}


@pytest.mark.parametrize("provider", WITH_CERTIFICATES)
def test_our_certificate_is_replaced_under_load(
    subject: Remote, sandbox: Sandbox, permit: SharedPermit, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "ours.pem"
    shutil.copy(sandbox.access.client_certificate, ours)
    monkeypatch.setenv(f"PERMIT_HUB_{subject.name.upper()}_CERTIFICATE", str(ours))
    adapter = registry.adapter(subject.name, registry.access(subject.name), zone=PARIS, connections=AT_ONCE)

    others = cycle([sandbox.access.server_certificate, sandbox.access.client_certificate])  # of the same authority

    def replace_ours() -> None:
        shutil.copy(next(others), tmp_path / "new.pem")
        (tmp_path / "new.pem").replace(ours)

    errors = run(_live(Hub(adapter), permit, replace_ours))
    run(adapter.aclose())

    assert errors == []
    assert subject.held() == {}


@pytest.mark.parametrize("provider", WITH_CERTIFICATES)
def test_with_a_certificate_of_another_authority_nothing_is_sent(
    subject: Remote, permit: SharedPermit, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().issue_cert("permit-hub", common_name="permit-hub").private_key_and_cert_chain_pem.write_to_path(
        stranger
    )
    monkeypatch.setenv(f"PERMIT_HUB_{subject.name.upper()}_CERTIFICATE", str(stranger))
    adapter = registry.adapter(subject.name, registry.access(subject.name), zone=PARIS, connections=1)

    with pytest.raises(NotSentError):  # the code depends on the server: asyncio's hangs up without an alert
        run(Hub(adapter).put(permit))
    run(adapter.aclose())

    assert subject.held() == {}
    assert subject.sent() == []


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_the_secrecy_check_finds_a_token(
    subject: Remote, sandbox: Sandbox, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    run(hub.put(permit))
    tokens = [token(subject, sandbox) for _ in range(8)]

    assert any(TOKEN.search(f"'Bearer {token}'") for token in tokens)


async def _live(hub: Hub, permit: SharedPermit, disturb: Callable[[], None]) -> list[ProviderError]:
    """Put, change and remove many permits, a few at once, with disturbances; return the errors."""
    few = asyncio.Semaphore(AT_ONCE)

    async def live(number: int) -> list[ProviderError]:
        one = another(permit, number)
        async with few:
            errors = await hub.converge(one.reference, one)
            if number % (LIVES // RENEWALS) == AT_ONCE // 2:
                await asyncio.to_thread(disturb)
            errors += await hub.converge(one.reference, changed(one))
            return errors + await hub.converge(one.reference, None)

    return [error for errors in await asyncio.gather(*map(live, range(LIVES))) for error in errors]
