"""Connections are reused, limited in number, and replaced when they break."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from integrations.channels import pool
from integrations.channels.base import ChannelError, LaterError, NoticeUnclearError, UnavailableError
from integrations.channels.message import compose
from integrations.channels.opening import Patience
from tests.channels.conftest import MakeAccess, Run
from tests.channels.mail_servers import Fault, MailServer
from tests.channels.notices import EXPIRY
from tests.channels.sending import post
from tests.support.waiting import eventually_in_loop


def test_one_notice_after_another_goes_over_one_connection(run: Run, make_access: MakeAccess) -> None:
    async def send() -> MailServer:
        async with post(make_access) as sending:
            for _ in range(5):
                await sending.send()
            return sending.server

    server = run(send())

    assert (len(server.taken), server.opened) == (5, 1)


def test_nothing_is_connected_before_the_first_notice(run: Run, make_access: MakeAccess) -> None:
    async def wait() -> MailServer:
        async with post(make_access) as sending:
            return sending.server

    assert run(wait()).opened == 0


def test_concurrent_notices_use_no_more_connections_than_allowed(run: Run, make_access: MakeAccess) -> None:
    async def send() -> MailServer:
        async with post(make_access, connections=3) as sending:
            assert sending.email.at_once == 3
            await asyncio.gather(*(sending.send(reminder_id=UUID(int=number)) for number in range(30)))
            return sending.server

    server = run(send())

    assert (len(server.taken), server.most_open) == (30, 3)
    assert len({envelope.content for envelope in server.taken}) == 30


def test_a_slow_notice_does_not_delay_others(run: Run, make_access: MakeAccess) -> None:
    async def send() -> MailServer:
        async with post(make_access, connections=2, patience=Patience(5.0, 5.0, 30.0)) as sending:
            sending.server.plan("END", Fault.SILENT)
            slow = asyncio.create_task(sending.send())
            await eventually_in_loop(lambda: bool(sending.server.taken))
            for _ in range(3):
                await sending.send()
            assert not slow.done()
            slow.cancel()
            return sending.server

    assert len(run(send()).taken) == 4


def test_a_connection_that_the_server_closed_while_idle_is_no_failure(run: Run, make_access: MakeAccess) -> None:
    async def send() -> MailServer:
        async with post(make_access) as sending:
            await sending.send()
            sending.server.hang_up()
            await eventually_in_loop(lambda: not sending.server.open)
            await sending.send()
            return sending.server

    server = run(send())

    assert (len(server.taken), server.opened) == (2, 2)


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
@pytest.mark.parametrize(
    "behaviour", [Fault.LOST, Fault.SILENT, "421 4.4.2 idle for too long", "421-4.7.0 enough\r\n421 4.7.0 for now"]
)
def test_a_broken_idle_connection_is_replaced(
    run: Run, make_access: MakeAccess, step: str, behaviour: str | Fault
) -> None:
    async def send() -> MailServer:
        patience = Patience(5.0, 0.2 if behaviour is Fault.SILENT else 5.0, 5.0)
        async with post(make_access, patience=patience) as sending:
            await sending.send()
            sending.server.plan(step, behaviour)
            await sending.send()
            return sending.server

    server = run(send())

    assert (len(server.taken), server.opened) == (2, 2)


@pytest.mark.parametrize("kind", [UnavailableError, LaterError, NoticeUnclearError])
def test_a_notice_is_retried_at_most_once_and_never_after_data(
    run: Run, make_access: MakeAccess, kind: type[ChannelError]
) -> None:
    step = {UnavailableError: "MAIL", LaterError: "DATA", NoticeUnclearError: "END"}[kind]

    async def send() -> tuple[ChannelError, MailServer]:
        async with post(make_access) as sending:
            await sending.send()
            sending.server.commands.clear()
            sending.server.plan(step, Fault.LOST, Fault.LOST, Fault.LOST)
            return await sending.failure(), sending.server

    error, server = run(send())

    assert isinstance(error, kind)
    assert server.commands.count("MAIL") == (2 if kind is UnavailableError else 1)


def test_a_refused_recipient_is_not_retried(run: Run, make_access: MakeAccess) -> None:
    async def send() -> list[str]:
        async with post(make_access) as sending:
            await sending.send()
            sending.server.commands.clear()
            sending.server.plan("RCPT", "550 5.1.1 nobody")
            await sending.failure()
            return list(sending.server.commands)

    assert run(send()) == ["MAIL", "RCPT"]


def test_a_server_may_take_only_some_messages_on_a_connection(run: Run, make_access: MakeAccess) -> None:
    async def send() -> MailServer:
        async with post(make_access, server=MailServer(letters_each=2)) as sending:
            for _ in range(5):
                await sending.send()
            return sending.server

    server = run(send())

    assert (len(server.taken), server.opened) == (5, 3)


def test_a_connection_is_closed_after_many_messages(
    run: Run, make_access: MakeAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LETTERS_EACH", 2)

    async def send() -> MailServer:
        async with post(make_access) as sending:
            for _ in range(5):
                await sending.send()
            return sending.server

    server = run(send())

    assert (len(server.taken), server.opened) == (5, 3)


def test_a_connection_is_closed_after_some_idle_time(
    run: Run, make_access: MakeAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)

    async def send() -> MailServer:
        async with post(make_access) as sending:
            await sending.send()
            await sending.send()
            return sending.server

    server = run(send())

    assert (len(server.taken), server.opened, server.commands.count("QUIT")) == (2, 2, 2)


def test_a_connection_ends_with_quit(run: Run, make_access: MakeAccess) -> None:
    async def send() -> MailServer:
        async with post(make_access, connections=2) as sending:
            await asyncio.gather(sending.send(), sending.send())
            await sending.email.aclose()
            await eventually_in_loop(lambda: not sending.server.open)
            return sending.server

    assert run(send()).commands.count("QUIT") == 2


def test_a_message_arrives_byte_for_byte(run: Run, make_access: MakeAccess) -> None:
    async def send() -> tuple[bytes, object]:
        async with post(make_access) as sending:
            await sending.send()
            return compose(EXPIRY, make_access(), datetime.now(UTC)).content, sending.server.taken[0].content

    written, arrived = run(send())

    assert b"\r\n.ground" in written  # a line's first dot is doubled: servers remove one
    assert isinstance(arrived, bytes)
    assert arrived.partition(b"MIME-Version")[2] == written.partition(b"MIME-Version")[2]
