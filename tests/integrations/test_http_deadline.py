"""No byte of a change is sent after its deadline, wherever the process was delayed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from integrations.base import Adapter
from integrations.deadline import bounded
from integrations.errors import FailureCode, NotSentError, ProviderError, UnclearError
from integrations.http import ProviderClient, Response
from tests.integrations.certificates import Authority
from tests.integrations.freezing import claimed
from tests.integrations.scripted import (
    Server,
    always,
    answering,
    client,
    exchange,
    failed,
    reaching,
    reply,
    serving,
)
from tests.support.waiting import PATIENCE_SECONDS, eventually_in_loop
from worker.domain.sharing import RequestOutcome
from worker.services.sharing import exchange as service

OK = always(reply("200 OK"))
BODY = {"plate": "x" * 30_000_000}  # larger than all buffers on the way

in_pieces = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")


def passed() -> float:
    return asyncio.get_running_loop().time() - 1


@pytest.mark.parametrize(
    "place",
    [
        "send",
        pytest.param(
            "turn",
            marks=pytest.mark.skipif(sys.version_info >= (3, 12), reason="it writes before its next turn"),
        ),
    ],
)
def test_a_process_frozen_after_the_deadline_check_sends_nothing(place: str) -> None:
    async def scenario() -> tuple[Server, list[str]]:
        async with answering(OK) as server:
            command = [sys.executable, "-m", "tests.integrations.freezing", f"http://127.0.0.1:{server.port}", place]
            child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
            assert child.stdout is not None
            try:
                deadline = json.loads(await asyncio.to_thread(child.stdout.readline))
                await asyncio.to_thread(os.waitid, os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
                await eventually_in_loop(lambda: time.monotonic() > deadline)
                os.kill(child.pid, signal.SIGCONT)
                ended = json.loads(await asyncio.to_thread(child.stdout.readline))
                assert await asyncio.to_thread(child.wait, PATIENCE_SECONDS) == 0
            finally:
                child.kill()
                child.wait()
                child.stdout.close()
        return server, ended

    server, ended = asyncio.run(scenario())

    assert ended == ["not_sent", "deadline_passed"]
    assert len(server.requests) == 1  # the first put, which opened the connection


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
@pytest.mark.parametrize("warm", [False, True], ids=["a new connection", "a kept one"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nothing_is_sent_after_the_deadline(scheme: str, warm: bool, method: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def scenario() -> tuple[Server, ProviderError]:
        trust = authority.server() if scheme == "https" else None
        async with (
            answering(OK, trust) as server,
            reaching(client(server.port, scheme=scheme, host="localhost", authority=authority.file)) as found,
        ):
            if warm:
                await found.exchange("GET", "/thing")
            with bounded(passed()) as bound, pytest.raises(ProviderError) as caught:
                await found.exchange(method, "/thing", None if method == "DELETE" else {"a": 1})  # type: ignore[arg-type]
            assert bound.begun is False
            await found.exchange("GET", "/other")  # the held-back bytes are not sent with the next request either
        return server, caught.value

    server, error = asyncio.run(scenario())

    assert (type(error), error.code) == (NotSentError, FailureCode.DEADLINE_PASSED)
    assert [request.split()[0] for request in server.requests] == [b"GET"] * (1 + warm)


async def turns() -> None:
    """Let the loop handle the events that it already has."""
    for _ in range(10):
        await asyncio.sleep(0)


class Blocking:
    """Authorises, and on each renewal blocks the loop until after the deadline."""

    def __init__(self) -> None:
        self.asked = 0
        self.until = 0.0

    async def headers(self) -> Mapping[str, str]:
        self.asked += 1
        while self.asked > 1 and asyncio.get_running_loop().time() < self.until:
            pass
        return {"X-Token": str(self.asked)}

    def drop(self, refused: Mapping[str, str]) -> None:
        pass

    async def aclose(self) -> None:
        pass


def test_a_put_is_not_sent_again_with_a_renewed_token_after_the_deadline() -> None:
    async def scenario() -> tuple[Server, ProviderError]:
        token = Blocking()
        async with (
            answering(always(reply("401 Unauthorized"))) as server,
            reaching(client(server.port, authorisation=token)) as found,
        ):
            token.until = asyncio.get_running_loop().time() + 0.5
            with bounded(token.until):
                return server, await failed(found)

    server, error = asyncio.run(scenario())

    assert (type(error), error.code) == (NotSentError, FailureCode.DEADLINE_PASSED)
    assert len(server.requests) == 1


@in_pieces
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_rest_of_a_body_is_not_sent_after_the_deadline(scheme: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    late = asyncio.Event()
    read: list[int] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await late.wait()
        total = 0
        try:
            while part := await reader.read(1_000_000):
                total += len(part)
        except OSError:  # they reset the connection
            pass
        read.append(total)
        writer.close()

    async def scenario() -> None:
        trust = authority.server() if scheme == "https" else None
        listener = await asyncio.start_server(take, "127.0.0.1", 0, ssl=trust)
        found = client(listener.sockets[0].getsockname()[1], scheme=scheme, host="localhost", authority=authority.file)
        async with listener, reaching(found):
            at = asyncio.get_running_loop().time() + 3  # on a busy machine, to connect takes up to two
            with bounded(at) as bound, pytest.raises(TimeoutError):
                async with asyncio.timeout_at(at):
                    await found.exchange("PUT", "/thing", BODY)
            assert bound.begun is True
            late.set()
            await eventually_in_loop(lambda: bool(read))

    asyncio.run(scenario())

    assert read[0] < len(BODY["plate"]) // 2


@in_pieces
def test_a_body_cut_off_by_its_deadline_is_unclear() -> None:
    async def scenario() -> ProviderError:
        go_on, over = asyncio.Event(), asyncio.Event()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await go_on.wait()
            with suppress(OSError):  # they reset the connection
                await reader.read()
            writer.close()
            over.set()

        listener = await asyncio.start_server(take, "127.0.0.1", 0)
        async with reaching(client(listener.sockets[0].getsockname()[1])) as found:
            at = asyncio.get_running_loop().time() + 1
            asyncio.get_running_loop().call_at(at + 0.01, go_on.set)  # then the buffers have room, too late
            with bounded(at), pytest.raises(ProviderError) as caught:
                await found.exchange("PUT", "/thing", BODY)
            await over.wait()
        listener.close()
        return caught.value

    error = asyncio.run(scenario())

    assert (type(error), error.code) == (UnclearError, FailureCode.TIMED_OUT)


class Plain:
    """An adapter with one request for each change."""

    name = "anybody"

    def __init__(self, found: ProviderClient) -> None:
        self._client = found

    async def send(self, _: object) -> None:
        await self._client.exchange("PUT", "/thing", {})


def test_a_put_that_waits_for_a_free_connection_until_its_deadline_is_not_sent() -> None:
    async def hang(number: int, writer: asyncio.StreamWriter) -> None:
        pass

    async def scenario() -> tuple[Server, Counter[RequestOutcome]]:
        async with serving(hang) as (server, found):
            adapter = cast(Adapter, Plain(found))
            at = asyncio.get_running_loop().time() + 1
            ended = await asyncio.gather(*(service.exchange(adapter, [claimed(n)], at) for n in range(6)))
            await turns()  # the server notices the closed connections
            return server, Counter(result.outcome for ((_, result),) in ended)

    server, outcomes = asyncio.run(scenario())

    assert len(server.requests) == 4  # one for each allowed connection
    assert outcomes == {RequestOutcome.UNCLEAR: 4, RequestOutcome.NOT_SENT: 2}


def test_an_unrequested_answer_is_not_read_as_the_next_one() -> None:
    answered, told = asyncio.Event(), asyncio.Event()

    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(reply("200 OK", b'{"first":1}'))
        if number == 0:
            await answered.wait()
            writer.write(reply("200 OK", b'{"nobody":"asked"}'))
            told.set()

    async def scenario() -> tuple[Server, ProviderError, Response]:
        async with serving(respond) as (server, found):
            await found.exchange("GET", "/thing")
            answered.set()
            await told.wait()
            await turns()  # it is read now
            error = await failed(found)
            return server, error, await found.exchange("PUT", "/thing", {})

    server, error, answer = asyncio.run(scenario())

    assert (type(error), error.code) == (NotSentError, FailureCode.NOT_CONNECTED)
    assert answer.data == {"first": 1}
    assert len(server.requests) == 2


def test_requests_without_a_deadline_are_sent() -> None:
    assert exchange(OK).status == 200
