"""Valid and invalid addresses, and the form in which they are sent."""

import pytest

from integrations.channels.base import AddressRefusedError, ChannelError, LaterError, UnavailableError
from tests.channels.conftest import MakeAccess, Run
from tests.channels.mail_servers import MailServer
from tests.channels.sending import post

LONGEST_LOCAL = "a" * 64
LONG_DOMAIN = ".".join(["b" * 60] * 3)  # 182 characters


def send_to(
    run: Run, make_access: MakeAccess, address: str, answer: str | None = None, *, utf8: bool = False
) -> MailServer | ChannelError:
    """Return the server that accepted a notice to an address, or the error."""

    async def send() -> MailServer | ChannelError:
        async with post(make_access, options={"enable_SMTPUTF8": utf8}) as sending:
            sending.server.plan("MAIL", answer)
            try:
                await sending.send(address=address)
            except ChannelError as error:
                return error
            return sending.server

    ended: MailServer | ChannelError = run(send())
    return ended


@pytest.mark.parametrize(
    ("address", "gone_out"),
    [
        ("zoe@exemple.fr", "zoe@exemple.fr"),
        ("Zoe.O'Neil+parking@Exemple.FR", "Zoe.O'Neil+parking@exemple.fr"),
        ("zoe@émile-zola.fr", "zoe@xn--mile-zola-93a.fr"),
        (f"{LONGEST_LOCAL}@exemple.fr", f"{LONGEST_LOCAL}@exemple.fr"),
        (f"a{LONGEST_LOCAL}@exemple.fr", f"a{LONGEST_LOCAL}@exemple.fr"),  # for the server to decide
        (f"{LONGEST_LOCAL}@{LONG_DOMAIN}.fr", f"{LONGEST_LOCAL}@{LONG_DOMAIN}.fr"),
    ],
)
def test_an_address_is_sent_in_a_form_that_every_server_accepts(
    run: Run, make_access: MakeAccess, address: str, gone_out: str
) -> None:
    server = send_to(run, make_access, address)

    assert isinstance(server, MailServer)
    assert [envelope.rcpt_tos for envelope in server.taken] == [[gone_out]]
    assert server.taken[0].mail_options == []


def test_an_accent_before_the_at_needs_smtputf8(run: Run, make_access: MakeAccess) -> None:
    server = send_to(run, make_access, "zoë@émile-zola.fr", utf8=True)

    assert isinstance(server, MailServer)
    taken = server.taken[0]
    assert taken.rcpt_tos == ["zoë@xn--mile-zola-93a.fr"]
    assert "SMTPUTF8" in taken.mail_options
    assert isinstance(taken.content, bytes)
    assert "<zoë@xn--mile-zola-93a.fr>\r\n".encode() in taken.content


def test_an_accent_before_the_at_is_refused_without_smtputf8(run: Run, make_access: MakeAccess) -> None:
    error = send_to(run, make_access, "zoë@exemple.fr")

    assert isinstance(error, AddressRefusedError)
    assert error.code == "smtputf8_not_offered"


def test_one_recipients_accent_does_not_stop_the_channel(run: Run, make_access: MakeAccess) -> None:
    error = send_to(run, make_access, "zoë@exemple.fr", "550 5.6.7 non-ASCII addresses not permitted", utf8=True)
    others = send_to(run, make_access, "zoe@exemple.fr", "550 5.1.0 sender rejected", utf8=True)

    assert isinstance(error, LaterError)
    assert isinstance(others, UnavailableError)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "zoe",
        "zoe@",
        "@exemple.fr",
        "zoe@exemple",
        "zoe@@exemple.fr",
        "zoe@exemple..fr",
        "zoe @exemple.fr",
        "zoe@exemple.fr> SIZE=1",
        "zoe@exemple.fr\r\nDATA",
        "zoe@exemple.fr, max@exemple.fr",
        '"zoe"@exemple.fr',
        "Zoe <zoe@exemple.fr>",
        f"{LONGEST_LOCAL}@{LONG_DOMAIN}.{'c' * 10}.fr",
        "zoe@[127.0.0.1]",
        "zoe@\u2028exemple.fr",
    ],
)
def test_a_malformed_address_is_refused_without_a_connection(run: Run, make_access: MakeAccess, address: str) -> None:
    async def send() -> tuple[ChannelError, MailServer]:
        async with post(make_access) as sending:
            return await sending.failure(address=address), sending.server

    error, server = run(send())

    assert (type(error), error.code) == (AddressRefusedError, "address_malformed")
    assert server.opened == 0
    assert not address or address not in f"{error} {error!r} {error.__context__!r} {error.__cause__!r}"
