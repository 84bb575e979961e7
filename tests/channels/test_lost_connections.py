"""Lost connections and silent servers: the channel knows whether a notice may have been delivered."""

import asyncio

import pytest

from integrations.channels.base import ChannelError, LaterError, NoticeUnclearError, UnavailableError
from integrations.channels.opening import Patience
from tests.channels.conftest import MakeAccess, Run
from tests.channels.mail_servers import Fault, MailServer
from tests.channels.sending import AT_ONCE, post
from tests.support.waiting import eventually_in_loop

STEPS = [
    ("EHLO", UnavailableError),
    ("MAIL", UnavailableError),
    ("RCPT", LaterError),  # the server was there a moment ago: it may be about this recipient
    ("DATA", LaterError),
    ("END", NoticeUnclearError),
]


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize(("step", "kind"), STEPS)
def test_a_failure_is_unclear_only_after_the_message_was_sent(
    run: Run, make_access: MakeAccess, step: str, kind: type[ChannelError], fault: Fault
) -> None:
    patience = Patience(open=0.2, answer=0.2, taken=0.2) if fault is Fault.SILENT else Patience(5.0, 5.0, 5.0)

    async def lose() -> tuple[ChannelError, MailServer]:
        async with post(make_access, patience=patience) as sending:
            sending.server.plan(step, fault)
            return await sending.failure(), sending.server

    error, server = run(lose())

    code = "connection_lost" if fault is Fault.LOST else "timed_out"
    assert (type(error), error.code, error.status) == (kind, code, None)
    assert len(server.taken) == (1 if step == "END" else 0)
    assert server.commands.count("MAIL") == (0 if step == "EHLO" else 1)  # it was not retried


@pytest.mark.parametrize(
    ("step", "kind"), [(step, LaterError) for step, _ in STEPS[:-1]] + [("END", NoticeUnclearError)]
)
def test_a_passed_deadline_is_unclear_only_after_the_message_was_sent(
    run: Run, make_access: MakeAccess, step: str, kind: type[ChannelError]
) -> None:
    async def wait() -> ChannelError:
        async with post(make_access, patience=Patience(30.0, 30.0, 30.0)) as sending:
            sending.seconds = 0.5
            sending.server.plan(step, Fault.SILENT)
            return await sending.failure()

    error = run(wait())

    assert (type(error), error.code) == (kind, "timed_out")


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize(("step", "_"), STEPS)
def test_after_a_loss_the_next_notice_goes_over_a_new_connection(
    run: Run, make_access: MakeAccess, step: str, _: object, fault: Fault
) -> None:
    async def lose() -> MailServer:
        async with post(make_access, patience=Patience(0.5, 0.5, 0.5)) as sending:
            sending.server.plan(step, fault)
            await sending.failure()
            sending.server.taken.clear()
            await sending.send()
            return sending.server

    server = run(lose())

    assert (len(server.taken), server.opened) == (1, 2)


def test_a_missing_server_makes_the_channel_unavailable(run: Run, make_access: MakeAccess) -> None:
    async def call() -> ChannelError:
        async with post(make_access) as sending:
            port = sending.server.port  # nothing listens there any more
        async with post(make_access, port=port) as sending:
            return await sending.failure()

    error = run(call())

    assert (type(error), error.code) == (UnavailableError, "not_connected")


def test_a_server_without_a_greeting_makes_the_channel_unavailable(run: Run, make_access: MakeAccess) -> None:
    async def call() -> ChannelError:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, post(make_access, patience=Patience(open=0.2), port=port) as sending:
            return await sending.failure()

    error = run(call())

    assert (type(error), error.code) == (UnavailableError, "timed_out")


def test_a_cancelled_notice_leaves_no_half_used_connection(run: Run, make_access: MakeAccess) -> None:
    async def cancel() -> MailServer:
        async with post(make_access) as sending:
            sending.server.plan("RCPT", Fault.SILENT)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await sending.send()
            await eventually_in_loop(lambda: not sending.server.open)
            await sending.send()
            return sending.server

    server = run(cancel())

    assert (len(server.taken), server.opened) == (1, 2)


def test_a_notice_sent_twice_has_the_same_message_id(run: Run, make_access: MakeAccess) -> None:
    async def lose() -> MailServer:
        async with post(make_access, patience=AT_ONCE) as sending:
            sending.server.plan("END", Fault.LOST)
            assert isinstance(await sending.failure(), NoticeUnclearError)
            await sending.send()
            return sending.server

    first, second = (_without_date(envelope.content) for envelope in run(lose()).taken)

    assert first == second
    assert b"Message-ID: <3d9d41ac-9c3a-4a4a-a3a5-6f6f3c1f9d10@demo.example>\r\n" in first


def _without_date(content: object) -> bytes:
    assert isinstance(content, bytes)
    return b"\r\n".join(line for line in content.split(b"\r\n") if not line.startswith(b"Date: "))
