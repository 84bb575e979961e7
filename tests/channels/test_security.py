"""Nothing is sent to a server with a wrong certificate, in plain text against the settings, or before the sign-in."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from integrations.channels.base import ChannelError, UnavailableError
from integrations.channels.opening import Patience
from tests.channels.conftest import MakeAccess, Run
from tests.channels.mail_servers import PASSWORD, USER, Challenger, Fault, MailServer, knows
from tests.channels.sending import post
from tests.integrations.certificates import Authority, replace

SIGNED_IN = {"authenticator": knows}


def offer(security: str, context: ssl.SSLContext) -> dict[str, Any]:
    """Return the options of a server with this kind of encryption."""
    return {"tls": context} if security == "tls" else {"tls_context": context, "require_starttls": True}


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_an_encrypted_connection_is_kept_too(
    run: Run, make_access: MakeAccess, authority: Authority, security: str
) -> None:
    async def send() -> MailServer:
        options = offer(security, authority.server())
        async with post(
            make_access, development=False, options=options, security=security, authority=authority.file
        ) as sending:
            await sending.send()
            await sending.send()
            return sending.server

    server = run(send())

    assert (len(server.taken), server.opened) == (2, 1)


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("wrong", ["unknown authority", "other name", "expired"])
def test_a_wrong_certificate_is_refused(
    run: Run, make_access: MakeAccess, authority: Authority, tmp_path: Path, security: str, wrong: str
) -> None:
    context = {
        "unknown authority": Authority(tmp_path).server(),
        "other name": authority.server("mail.example"),
        "expired": authority.server(expired=True),
    }[wrong]

    async def send() -> tuple[ChannelError, MailServer]:
        options = offer(security, context)
        async with post(make_access, options=options, security=security, authority=authority.file) as sending:
            return await sending.failure(), sending.server

    error, server = run(send())

    assert (type(error), error.code) == (UnavailableError, "certificate_wrong")
    assert not {"MAIL", "AUTH"} & set(server.commands)


def test_the_system_trusts_no_authority_of_tests(run: Run, make_access: MakeAccess, authority: Authority) -> None:
    async def send() -> ChannelError:
        async with post(make_access, options={"tls": authority.server()}, security="tls") as sending:
            return await sending.failure()

    assert run(send()).code == "certificate_wrong"


def test_a_replaced_authority_counts_from_the_next_connection(
    run: Run, make_access: MakeAccess, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "trusted.pem"
    file.write_bytes(Authority(tmp_path).file.read_bytes())

    async def send() -> MailServer:
        async with post(make_access, options={"tls": authority.server()}, security="tls", authority=file) as sending:
            assert (await sending.failure()).code == "certificate_wrong"
            replace(file, b"half written")
            assert (await sending.failure()).code == "authority_unreadable"
            replace(file, authority.file.read_bytes())
            await sending.send()
            return sending.server

    assert len(run(send()).taken) == 1


def test_without_starttls_nothing_is_sent_in_the_clear(run: Run, make_access: MakeAccess, authority: Authority) -> None:
    async def send() -> tuple[ChannelError, MailServer]:
        async with post(
            make_access, options=SIGNED_IN, security="starttls", authority=authority.file, user=USER, password=PASSWORD
        ) as sending:
            return await sending.failure(), sending.server

    error, server = run(send())

    assert (type(error), error.code) == (UnavailableError, "starttls_not_offered")
    assert server.commands == ["EHLO"]


@pytest.mark.parametrize("behaviour", ["454 4.7.0 not now", Fault.LOST])
def test_a_refused_starttls_never_falls_back_to_plain_text(
    run: Run, make_access: MakeAccess, authority: Authority, behaviour: str | Fault
) -> None:
    async def send() -> tuple[ChannelError, MailServer]:
        options = offer("starttls", authority.server())
        async with post(make_access, options=options, security="starttls", authority=authority.file) as sending:
            sending.server.plan("STARTTLS", behaviour)
            return await sending.failure(), sending.server

    error, server = run(send())

    assert isinstance(error, UnavailableError)
    assert server.commands == ["EHLO", "STARTTLS"]


def test_a_plain_text_server_is_refused(run: Run, make_access: MakeAccess, authority: Authority) -> None:
    async def send() -> ChannelError:
        async with post(make_access, security="tls", authority=authority.file) as sending:
            return await sending.failure()

    error = run(send())

    assert (type(error), error.code) == (UnavailableError, "tls_failed")


def test_an_encrypted_server_reached_in_plain_text_is_unavailable(
    run: Run, make_access: MakeAccess, authority: Authority
) -> None:
    async def send() -> ChannelError:
        async with post(make_access, patience=Patience(open=0.3), options={"tls": authority.server()}) as sending:
            return await sending.failure()

    assert isinstance(run(send()), UnavailableError)


@pytest.mark.parametrize(
    ("kind", "without"), [(MailServer, ()), (MailServer, ("PLAIN",)), (Challenger, ("PLAIN", "LOGIN"))]
)
def test_a_channel_that_signs_in_is_served(
    run: Run, make_access: MakeAccess, authority: Authority, kind: type[MailServer], without: tuple[str, ...]
) -> None:
    async def send() -> MailServer:
        options = {"tls": authority.server(), "auth_exclude_mechanism": without} | SIGNED_IN
        async with post(
            make_access,
            options=options,
            server=kind(closed_to_strangers=True),
            security="tls",
            authority=authority.file,
            user=USER,
            password=PASSWORD,
        ) as sending:
            await sending.send()
            await sending.send()
            return sending.server

    server = run(send())

    assert (len(server.taken), server.commands.count("AUTH")) == (2, 1)


def test_a_wrong_password_is_tried_once_and_not_shown(run: Run, make_access: MakeAccess, authority: Authority) -> None:
    wrong = "un-tout-autre-secret"

    async def send() -> tuple[ChannelError, MailServer, str]:
        async with post(
            make_access,
            options={"tls": authority.server()} | SIGNED_IN,
            security="tls",
            authority=authority.file,
            user=USER,
            password=wrong,
        ) as sending:
            return await sending.failure(), sending.server, f"{sending.email!r} {sending.email._access!r}"

    error, server, shown = run(send())

    assert (type(error), error.code, error.status) == (UnavailableError, "unauthorised", 535)
    assert server.commands.count("AUTH") == 1
    assert wrong not in f"{shown} {error!r} {vars(error)}"
    assert USER not in f"{error!r} {vars(error)}"


def test_a_server_without_a_known_sign_in_is_unavailable(
    run: Run, make_access: MakeAccess, authority: Authority
) -> None:
    async def send() -> ChannelError:
        options = {"tls": authority.server(), "auth_exclude_mechanism": ("PLAIN", "LOGIN")}
        async with post(
            make_access, options=options, security="tls", authority=authority.file, user=USER, password=PASSWORD
        ) as sending:
            return await sending.failure()

    error = run(send())

    assert (type(error), error.code) == (UnavailableError, "sign_in_not_offered")
