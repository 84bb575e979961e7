"""The time of an answer is that at the provider: without the time that the request or the answer waited for us."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest

from integrations.deadline import Deadline, bounded
from integrations.looking import LookingLoop
from tests.integrations.certificates import Authority
from tests.integrations.scripted import always, answering, client, failed, reaching, reply, serving
from tests.support.waiting import PATIENCE_SECONDS, eventually_in_loop

BLOCKED_SECONDS = 0.3
SLOW_SECONDS = 0.2


@dataclass
class Elsewhere:
    """A server in another thread, which answers one request as soon as it may."""

    port: int
    came: Event = field(default_factory=Event)
    may_answer: Event = field(default_factory=Event)
    answered: Event = field(default_factory=Event)

    def serve(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with closing(connection):
            connection.recv(65_536)
            self.came.set()
            self.may_answer.wait(PATIENCE_SECONDS)
            connection.sendall(reply("200 OK"))
            self.answered.set()


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Elsewhere(listener.getsockname()[1])
        thread = Thread(target=server.serve, args=[listener])
        thread.start()
        yield server
        thread.join()


@pytest.mark.parametrize(
    ("loop", "is_counted"), [(LookingLoop, False), (asyncio.SelectorEventLoop, True)], ids=["ours", "another"]
)
def test_an_answer_that_waits_for_a_busy_process_is_not_a_late_one(
    elsewhere: Elsewhere, loop: Callable[[], asyncio.AbstractEventLoop], is_counted: bool
) -> None:
    async def scenario() -> tuple[Deadline, float]:
        provider = client(elsewhere.port)
        with bounded(asyncio.get_running_loop().time() + PATIENCE_SECONDS) as bound:
            began = time.monotonic()
            asking = asyncio.create_task(provider.exchange("GET", "/thing"))
            await eventually_in_loop(elsewhere.came.is_set)
            elsewhere.may_answer.set()
            assert elsewhere.answered.wait(PATIENCE_SECONDS)
            time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251 - the subject: a process that computes
            await asking
            took = time.monotonic() - began
        await provider.aclose()
        return bound, took

    with asyncio.Runner(loop_factory=loop) as runner:
        bound, took = runner.run(scenario())
    assert bound.answer_seconds is not None
    assert (bound.answer_seconds > BLOCKED_SECONDS) is is_counted
    assert bound.answer_seconds <= took


def test_a_slow_answer_is_measured_and_only_that_of_the_first_request() -> None:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0 if number else SLOW_SECONDS)
        await always(reply("200 OK"))(number, writer)

    async def scenario() -> float | None:
        async with serving(respond) as (_, provider):
            with bounded(asyncio.get_running_loop().time() + PATIENCE_SECONDS) as bound:
                await provider.exchange("GET", "/thing")
                first = bound.answer_seconds
                await provider.exchange("GET", "/thing")
                assert bound.answer_seconds == first
                return first

    with asyncio.Runner(loop_factory=LookingLoop) as runner:
        seconds = runner.run(scenario())
    assert seconds is not None
    assert seconds >= SLOW_SECONDS


@pytest.mark.parametrize("closes", [False, True], ids=["kept", "closed"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_slow_answer_over_tls_is_measured_on_a_new_connection_and_on_a_kept_one(
    version: ssl.TLSVersion, tmp_path: Path, *, closes: bool
) -> None:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(SLOW_SECONDS)
        if closes:
            writer.write(reply("200 OK", b"{}", "Connection: close"))
            writer.close()
        else:
            writer.write(reply("200 OK"))

    async def scenario() -> tuple[list[int], list[float | None]]:
        trust = authority.server()
        trust.minimum_version = trust.maximum_version = version
        seconds = []
        async with (
            answering(respond, trust) as server,
            reaching(client(server.port, scheme="https", host="localhost", authority=authority.file)) as provider,
        ):
            for _ in range(2):
                with bounded(asyncio.get_running_loop().time() + PATIENCE_SECONDS) as bound:
                    await provider.exchange("GET", "/thing")
                    seconds.append(bound.answer_seconds)
        return server.connections, seconds

    authority = Authority(tmp_path)
    with asyncio.Runner(loop_factory=LookingLoop) as runner:
        connections, found = runner.run(scenario())
    assert connections == ([0, 1] if closes else [0, 0])
    for seconds in found:  # TLS 1.3 receives session tickets first: they are not the answer
        assert seconds is not None
        assert seconds >= SLOW_SECONDS


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nContent-"], ids=["nothing", "half a head"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_ends_is_no_answer(scheme: str, begin: bytes, tmp_path: Path) -> None:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        writer.close()

    async def scenario() -> tuple[bool | None, float | None]:
        trust = authority.server() if scheme == "https" else None
        async with (
            answering(respond, trust) as server,
            reaching(client(server.port, scheme=scheme, host="localhost", authority=authority.file)) as provider,
        ):
            with bounded(asyncio.get_running_loop().time() + PATIENCE_SECONDS) as bound:
                await failed(provider)
        return bound.begun, bound.answer_seconds

    authority = Authority(tmp_path)
    with asyncio.Runner(loop_factory=LookingLoop) as runner:
        assert runner.run(scenario()) == (True, None)


def test_an_interim_answer_is_not_the_answer() -> None:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(SLOW_SECONDS)
        writer.write(reply("200 OK"))

    async def scenario() -> float | None:
        async with serving(respond) as (_, provider):
            with bounded(asyncio.get_running_loop().time() + PATIENCE_SECONDS) as bound:
                await provider.exchange("GET", "/thing")
        return bound.answer_seconds

    with asyncio.Runner(loop_factory=LookingLoop) as runner:
        seconds = runner.run(scenario())
    assert seconds is not None
    assert seconds >= SLOW_SECONDS


def test_a_request_that_is_not_answered_has_no_answer_time() -> None:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(PATIENCE_SECONDS)

    async def scenario() -> float | None:
        async with serving(respond) as (_, provider):
            with bounded(asyncio.get_running_loop().time() + PATIENCE_SECONDS) as bound:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(SLOW_SECONDS):
                        await provider.exchange("GET", "/thing")
                return bound.answer_seconds

    assert asyncio.run(scenario()) is None
