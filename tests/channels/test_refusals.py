"""Refusals at each step, classified: of the address, the message, the channel, and for how long."""

import pytest

from integrations.channels.base import (
    AddressRefusedError,
    ChannelError,
    LaterError,
    NoticeRefusedError,
    NoticeUnclearError,
    UnavailableError,
)
from tests.channels.conftest import MakeAccess, Run
from tests.channels.mail_servers import MailServer
from tests.channels.notices import ADDRESS, NAME
from tests.channels.sending import post
from tests.support.waiting import eventually_in_loop

CASES = [
    ("EHLO", "550 go away", UnavailableError, "not_greeted"),
    ("EHLO", "421 4.3.2 shutting down", UnavailableError, "unavailable"),
    ("MAIL", "421 4.3.2 shutting down", UnavailableError, "unavailable"),
    ("MAIL", "451 4.3.0 try later", UnavailableError, "sender_refused"),
    ("MAIL", "550 5.7.1 you may not", UnavailableError, "sender_refused"),
    ("MAIL", "354 what", UnavailableError, "sender_refused"),
    ("RCPT", "421 4.3.2 shutting down", LaterError, "unavailable"),
    ("RCPT", f"450 4.2.0 <{ADDRESS}>: greylisted", LaterError, "recipient_later"),
    ("RCPT", f"452 4.2.2 <{ADDRESS}>: full", LaterError, "recipient_later"),
    ("RCPT", f"550 5.1.1 <{ADDRESS}>: no such user", AddressRefusedError, "address_refused"),
    ("RCPT", "550 no such user", AddressRefusedError, "address_refused"),
    ("RCPT", "550-5.1.1 no such\r\n550 5.1.1 user", AddressRefusedError, "address_refused"),
    ("RCPT", "553 5.1.3 malformed", AddressRefusedError, "address_refused"),
    ("RCPT", "550 5.2.1 mailbox disabled", AddressRefusedError, "address_refused"),
    ("RCPT", "550 5.4.1 recipient address rejected", AddressRefusedError, "address_refused"),
    ("RCPT", "556 5.1.10 null MX", AddressRefusedError, "address_refused"),
    ("RCPT", "354 what", LaterError, "answer_unknown"),
    ("DATA", "421 4.3.2 shutting down", LaterError, "unavailable"),
    ("DATA", "451 4.3.0 try later", LaterError, "message_later"),
    ("DATA", "554 5.5.1 no", LaterError, "message_not_served"),
    ("DATA", "552 too large", NoticeRefusedError, "message_refused"),
    ("DATA", "250 what", LaterError, "answer_unknown"),
    ("MAIL", f"what <{ADDRESS}>", UnavailableError, "answer_unknown"),
    ("RCPT", f"what <{ADDRESS}>", LaterError, "answer_unknown"),
    ("DATA", f"what <{ADDRESS}>", LaterError, "answer_unknown"),
    ("END", f"what <{ADDRESS}>", NoticeUnclearError, "answer_unknown"),
    ("END", "354 what", NoticeUnclearError, "answer_unknown"),
    ("END", "421 4.3.2 shutting down", LaterError, "unavailable"),
    ("END", "452 4.3.1 no space", LaterError, "message_later"),
    ("END", "554 5.7.1 refused by policy", LaterError, "message_not_served"),
    ("END", "550 no", LaterError, "message_not_served"),
    ("END", "552 5.3.4 too large", NoticeRefusedError, "message_refused"),
    ("END", f"554 5.6.0 <{ADDRESS}> would not like it", NoticeRefusedError, "message_refused"),
]

OURS = [
    "554 5.7.1 relay access denied",
    "554 relay access denied",
    "550 5.1.8 sender's domain not found",
    "504 5.5.2 need fully-qualified hostname",
    "530 5.7.0 authentication required",
    "552 5.2.2 mailbox full",
    "503 bad sequence",
]


@pytest.mark.parametrize(("step", "answer", "kind", "code"), CASES)
def test_a_refusal_is_classified_by_its_step_and_status(
    run: Run, make_access: MakeAccess, step: str, answer: str, kind: type[ChannelError], code: str
) -> None:
    async def refuse() -> tuple[ChannelError, MailServer]:
        async with post(make_access) as sending:
            sending.server.plan(step, answer)
            return await sending.failure(), sending.server

    error, server = run(refuse())

    assert (type(error), error.code, error.status) == (kind, code, int(answer[:3]) if answer[0].isdigit() else None)
    assert server.taken == []


@pytest.mark.parametrize("answer", OURS)
def test_a_refusal_that_may_be_our_fault_marks_no_address(run: Run, make_access: MakeAccess, answer: str) -> None:
    async def refuse() -> ChannelError:
        async with post(make_access) as sending:
            sending.server.plan("RCPT", answer)
            return await sending.failure()

    error = run(refuse())

    assert (type(error), error.code) == (LaterError, "recipient_not_served")


@pytest.mark.parametrize(("step", "answer"), [(step, answer) for step, answer, *_ in CASES])
def test_after_a_refusal_the_next_notice_is_sent(run: Run, make_access: MakeAccess, step: str, answer: str) -> None:
    async def refuse() -> MailServer:
        async with post(make_access, connections=1) as sending:
            sending.server.plan(step, answer)
            await sending.failure()
            await sending.send()
            return sending.server

    assert [envelope.rcpt_tos for envelope in run(refuse()).taken] == [[ADDRESS]]


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_a_refused_recipient_closes_no_connection(run: Run, make_access: MakeAccess, step: str) -> None:
    async def refuse() -> MailServer:
        async with post(make_access) as sending:
            sending.server.plan(step, "450 4.2.0 later")
            await sending.failure()
            await sending.send()
            return sending.server

    server = run(refuse())

    assert (server.opened, len(server.taken)) == (1, 1)


@pytest.mark.parametrize(("step", "answer"), [("EHLO", "550 go away"), ("MAIL", "550 5.7.1 no"), ("RCPT", "354 what")])
def test_a_broken_connection_is_closed(run: Run, make_access: MakeAccess, step: str, answer: str) -> None:
    async def refuse() -> None:
        async with post(make_access) as sending:
            sending.server.plan(step, answer)
            await sending.failure()
            await eventually_in_loop(lambda: not sending.server.open)

    run(refuse())


def test_a_greylisted_notice_is_accepted_at_the_next_attempt(run: Run, make_access: MakeAccess) -> None:
    async def greylist() -> MailServer:
        async with post(make_access) as sending:
            sending.server.plan("RCPT", "451 4.7.1 greylisted, come back")
            assert isinstance(await sending.failure(), LaterError)
            await sending.send()
            return sending.server

    assert len(run(greylist()).taken) == 1


@pytest.mark.parametrize("answer", [answer for _, answer, *_ in CASES if ADDRESS in answer])
@pytest.mark.parametrize("step", ["EHLO", "MAIL", "RCPT", "DATA", "END"])
def test_no_error_shows_an_address_or_the_servers_text(
    run: Run, make_access: MakeAccess, step: str, answer: str
) -> None:
    async def refuse() -> ChannelError:
        async with post(make_access) as sending:
            sending.server.plan(step, answer)
            return await sending.failure()

    error: BaseException | None = run(refuse())

    while error is not None:
        shown = f"{error} {error!r} {error.args} {vars(error)}"
        assert not [secret for secret in (ADDRESS, NAME, "exemple.fr", "nobody", "greylisted") if secret in shown]
        error = error.__cause__ or error.__context__


def test_a_notice_that_fails_to_compose_is_not_sent_and_tried_again(
    make_access: MakeAccess, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("integrations.channels.message.words", mistaken)

    async def once() -> None:
        async with post(make_access) as one:
            error = await one.failure()
            assert (type(error), error.code) == (LaterError, "not_written")
            assert one.server.taken == []

    run(once())
