"""The HTTP client: trusted authorities and our certificate."""

import asyncio
import ssl
from pathlib import Path

import pytest

from integrations.errors import FailureCode, NotSentError, ProviderError
from integrations.http import ProviderClient
from tests.integrations.certificates import Authority, alerting
from tests.integrations.scripted import KEY, PLATE, Server, always, answering, client, failed, reaching, reply

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
OK = always(reply("200 OK"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def another(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def secure(port: int, authority: Path | None, certificate: Path | None = None) -> ProviderClient:
    return client(port, scheme="https", host="localhost", authority=authority, certificate=certificate)


def outcome(trust: ssl.SSLContext | None, authority: Path | None) -> tuple[Server, ProviderError]:
    """Return the error of a PUT to a server with this certificate."""

    async def once() -> tuple[Server, ProviderError]:
        async with answering(OK, trust) as server, reaching(secure(server.port, authority)) as found:
            return server, await failed(found)

    return asyncio.run(once())


def is_certificate_wrong(found: ProviderError) -> bool:
    assert found.__cause__ is None
    assert found.__context__ is None
    assert not any(told in str(found) for told in (KEY, PLATE, "localhost", "127.0.0.1"))
    return type(found) is NotSentError and found.code == FailureCode.CERTIFICATE_WRONG


def test_a_provider_with_a_certificate_of_its_private_authority_is_reached(authority: Authority) -> None:
    async def once() -> int:
        async with (
            answering(OK, authority.server()) as server,
            reaching(secure(server.port, authority.file)) as found,
        ):
            return (await found.exchange("PUT", "/thing", {})).status

    assert asyncio.run(once()) == 200


def test_a_certificate_of_an_authority_that_we_do_not_trust_is_wrong(authority: Authority, another: Authority) -> None:
    for trusted in (None, another.file):
        server, found = outcome(authority.server(), trusted)

        assert is_certificate_wrong(found)
        assert server.requests == []


def test_a_private_authority_replaces_the_systems(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))  # makes it one of the system's for OpenSSL
    system = ssl.create_default_context()
    assert system.cert_store_stats()["x509_ca"] == 1

    private = Authority(authority.file.parent)

    assert is_certificate_wrong(outcome(authority.server(), private.file)[1])


def test_an_expired_certificate_is_wrong(authority: Authority) -> None:
    assert is_certificate_wrong(outcome(authority.server(expired=True), authority.file)[1])


def test_a_certificate_for_another_name_is_wrong(authority: Authority) -> None:
    assert is_certificate_wrong(outcome(authority.server("elsewhere.example"), authority.file)[1])


def test_a_server_that_does_not_speak_tls_is_wrong(authority: Authority) -> None:
    async def speak_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await reader.read()
        writer.close()

    async def once() -> ProviderError:
        listener = await asyncio.start_server(speak_first, "127.0.0.1", 0)
        async with reaching(secure(listener.sockets[0].getsockname()[1], authority.file)) as found:
            result = await failed(found)
        listener.close()
        return result

    assert is_certificate_wrong(asyncio.run(once()))


def test_a_refused_connection_is_not_named_a_wrong_certificate(authority: Authority) -> None:
    async def once() -> ProviderError:
        async with answering(OK, authority.server()) as server:
            port = server.port
        async with reaching(secure(port, authority.file)) as found:
            return await failed(found)

    found = asyncio.run(once())

    assert (type(found), found.code) == (NotSentError, FailureCode.NOT_CONNECTED)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("which", ["none", "expired", "of another authority"])
def test_our_certificate_that_they_refuse_is_named_and_nothing_was_applied(
    which: str, version: ssl.TLSVersion, authority: Authority, another: Authority, tmp_path: Path
) -> None:
    trust = authority.server(clients=authority)
    trust.minimum_version = trust.maximum_version = version
    ours = tmp_path / "ours.pem"
    ours.write_bytes(
        another.client("hub") if which == "of another authority" else authority.client("hub", expired=True)
    )

    async def once(port: int) -> ProviderError:
        async with reaching(secure(port, authority.file, None if which == "none" else ours)) as found:
            return await failed(found)

    with alerting(trust) as port:
        assert is_certificate_wrong(asyncio.run(once(port)))
