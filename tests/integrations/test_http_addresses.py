"""The HTTP client: outside of development only public addresses are reached."""

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from integrations.addresses import is_literal, is_public
from integrations.errors import FailureCode, NotSentError, ProviderError
from integrations.transport import AddressRefusedError, PublicResolver
from tests.integrations.scripted import Server, always, answering, client, failed, reaching, reply

NEAR = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fd00::8",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:db8::1",
]
PUBLIC = ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


class Names(AbstractResolver):
    """A resolver in which every name has these addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        self.closed = True


async def put(host: str, *, development: bool) -> tuple[Server, ProviderError | None]:
    """PUT to a server of this machine under one of its names; return the server and the error."""
    scheme = "http" if development else "https"
    async with (
        answering(always(reply("200 OK"))) as server,
        reaching(client(server.port, scheme=scheme, host=host, development=development)) as found,
    ):
        if not development:
            return server, await failed(found)
        await found.exchange("PUT", "/thing", {})
        return server, None


@pytest.mark.parametrize("address", NEAR)
def test_a_private_address_is_refused_before_sending(address: str) -> None:
    host = f"[{address}]" if ":" in address else address

    server, found = asyncio.run(put(host, development=False))

    assert type(found) is NotSentError
    assert found.code == FailureCode.ADDRESS_REFUSED
    assert address not in str(found)
    assert server.connections == []


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "0x7f.0.0.1"])
def test_a_name_with_a_private_address_is_refused(name: str) -> None:
    server, found = asyncio.run(put(name, development=False))

    assert found is not None
    assert (type(found), found.code) == (NotSentError, FailureCode.ADDRESS_REFUSED)
    assert found.__cause__ is None
    assert found.__context__ is None
    assert server.connections == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_in_development_a_private_address_is_reached(host: str) -> None:
    server, found = asyncio.run(put(host, development=True))

    assert found is None
    assert server.connections == [0]


@pytest.mark.parametrize("address", NEAR)
def test_one_private_address_among_public_ones_is_refused(address: str) -> None:
    async def resolve() -> None:
        await PublicResolver(Names(PUBLIC[0], address)).resolve("partner.example")

    with pytest.raises(AddressRefusedError):
        asyncio.run(resolve())


def test_public_addresses_are_returned_and_the_resolver_is_closed() -> None:
    names = Names(*PUBLIC)

    async def resolve() -> list[str]:
        resolver = PublicResolver(names)
        found = await resolver.resolve("partner.example", 443)
        await resolver.close()
        return [one["host"] for one in found]

    assert asyncio.run(resolve()) == PUBLIC
    assert names.closed


def test_an_unknown_name_is_not_connected() -> None:
    async def once() -> ProviderError:
        async with reaching(client(443, scheme="https", host="nowhere.invalid", development=False)) as found:
            return await failed(found)

    found = asyncio.run(once())

    assert (type(found), found.code) == (NotSentError, FailureCode.NOT_CONNECTED)


@pytest.mark.parametrize("address", [*NEAR, *PUBLIC])
def test_every_ip_address_is_told_from_a_name(address: str) -> None:
    assert is_literal(address)
    assert is_public(address) == (address in PUBLIC)


@pytest.mark.parametrize("name", ["", "localhost", "partner.example", "10.0.0.1.example", "fe80::1::2"])
def test_text_that_is_not_an_address_is_not_public(name: str) -> None:
    assert not is_literal(name)
    assert not is_public(name)
