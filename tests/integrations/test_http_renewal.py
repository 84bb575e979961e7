"""The HTTP client: certificates that are replaced while requests run."""

import asyncio
from pathlib import Path

import pytest

from integrations.errors import FailureCode, NotSentError
from integrations.http import ProviderClient
from tests.integrations.certificates import Authority, remove, replace, shown
from tests.integrations.scripted import answering, client, failed, reaching, reply
from tests.support.waiting import eventually_in_loop

WORKERS = 8


class Seen:
    """Answers all requests, the first one when the test lets it, and notes the certificate of each."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.open: set[asyncio.StreamWriter] = set()
        self.answer_the_first = asyncio.Event()

    async def respond(self, number: int, writer: asyncio.StreamWriter) -> None:
        self.names.append(shown(writer.get_extra_info("ssl_object")))
        self.open.add(writer)
        if number == 0:
            await self.answer_the_first.wait()
        writer.write(reply("200 OK", b'{"number":%d}' % number))

    def connections(self) -> set[str]:
        """Return the certificates of the connections that are open."""
        return {shown(writer.get_extra_info("ssl_object")) for writer in self.open if not writer.is_closing()}


async def put(found: ProviderClient) -> object:
    return (await found.exchange("PUT", "/thing", {})).data


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def ours(authority: Authority, tmp_path: Path) -> Path:
    file = tmp_path / "ours.pem"
    file.write_bytes(authority.client("old"))
    return file


def test_a_new_certificate_is_used_and_no_running_request_breaks(authority: Authority, ours: Path) -> None:
    async def once() -> Seen:
        seen, done = Seen(), asyncio.Event()
        async with (
            answering(seen.respond, authority.server(clients=authority)) as server,
            reaching(client(server.port, scheme="https", authority=authority.file, certificate=ours)) as found,
        ):

            async def work() -> None:
                while not done.is_set():
                    await put(found)

            first = asyncio.create_task(put(found))
            await eventually_in_loop(lambda: len(seen.names), equals=1)
            workers = [asyncio.create_task(work()) for _ in range(WORKERS)]
            await eventually_in_loop(lambda: len(seen.names) > 5 * WORKERS)
            replace(ours, authority.client("new"))
            await eventually_in_loop(lambda: seen.names.count("new") > 5 * WORKERS)
            seen.answer_the_first.set()
            assert await first == {"number": 0}
            await eventually_in_loop(lambda: seen.connections(), equals={"new"})
            done.set()
            await asyncio.gather(*workers)
        return seen

    seen = asyncio.run(once())

    assert set(seen.names) == {"old", "new"}
    # Only requests running at the change may show the old one after the first new one.
    assert seen.names[seen.names.index("new") :].count("old") <= WORKERS


def test_an_unreadable_file_changes_nothing_and_the_next_readable_one_counts(
    authority: Authority, ours: Path, tmp_path: Path
) -> None:
    whole = authority.client("new")

    async def once() -> Seen:
        seen = Seen()
        seen.answer_the_first.set()
        async with (
            answering(seen.respond, authority.server(clients=authority)) as server,
            reaching(client(server.port, scheme="https", authority=authority.file, certificate=ours)) as found,
        ):
            await put(found)
            replace(ours, whole[: len(whole) // 2])
            await put(found)
            remove(ours)
            await put(found)
            assert server.connections == [0, 0, 0]
            replace(ours, whole)
            await put(found)
            await put(found)
            assert server.connections == [0, 0, 0, 1, 1]
        return seen

    assert asyncio.run(once()).names == ["old", "old", "old", "new", "new"]


def test_a_replaced_authority_is_trusted_instead_of_the_old_one(authority: Authority, tmp_path: Path) -> None:
    following = Authority(tmp_path)
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(authority.file.read_bytes())

    async def once() -> None:
        seen = Seen()
        seen.answer_the_first.set()
        async with (
            answering(seen.respond, authority.server()) as server,
            reaching(client(server.port, scheme="https", authority=trusted)) as found,
        ):
            await put(found)
            replace(trusted, following.file.read_bytes())
            error = await failed(found)
            assert (type(error), error.code) == (NotSentError, FailureCode.CERTIFICATE_WRONG)
            replace(trusted, authority.file.read_bytes())
            await put(found)

    asyncio.run(once())


def test_a_certificate_unreadable_from_the_start_is_an_error(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        client(443, scheme="https", authority=authority.file, certificate=tmp_path / "nothing.pem")
