"""Every kind of recipient, on servers with and without SMTPUTF8: the message is sent, or refused for good."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_string, policy
from email.header import decode_header, make_header
from email.utils import parseaddr
from itertools import product

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from integrations.channels.base import AddressRefusedError, Notice
from integrations.channels.message import compose
from tests.channels.conftest import MakeAccess, Run
from tests.channels.notices import EXPIRY
from tests.channels.sending import post

LOCALS = {
    "ascii": "jose",
    "symbols": "o'neil+parking_{1}=2",
    "longest": "a" * 64,
    "accented": "josé",
    "chinese": "用户",
    "arabic": "مثال",
    "quoted": '"jo se"',
    "longer than any": "a" * 300,
}
DOMAINS = {"ascii": "exemple.fr", "idn": "émile-zola.fr", "punycode": "xn--mile-zola-93a.fr", "literal": "[192.0.2.1]"}
NAMES = {
    "none": "",
    "ascii": "Jose",
    "accented": "José Exémple",
    "quotes": 'Jose "Pepe" \\ Exemple',
    "comma": "Exemple, Jose",
    "comma and more": "Exemple, Jose (chef) <x@y.fr>; J.",
    "dots": "J. E. Exemple",
    "chinese": "范例",
    "emoji": "Jose 👩‍👩‍👧‍👦",
    "very long": "Jose " * 40,
    "very long accented": "José " * 40,
    "encoded": "=?utf-8?q?Jose?=",
    "lines": "Jose\r\nBcc: a@b.fr\u2028x",
    "turned round": "\u202eesoJ\u2066",
    "half a character": "Jose\ud83d",
}
NEVER = {"quoted", "longer than any", "literal"}
ONLY_WITH_UTF8 = {"accented", "chinese", "arabic"}
SENDERS = ("rappels@demo.example", "Ville de Démo <rappels@demo.example>", "Ville, « Démo » 🚗 <rappels@émile.example>")


@pytest.mark.parametrize("utf8", [True, False], ids=["with SMTPUTF8", "without SMTPUTF8"])
@pytest.mark.parametrize("sender", SENDERS)
def test_each_recipient_is_accepted_or_refused_for_good_and_delays_no_other(
    run: Run, make_access: MakeAccess, sender: str, utf8: bool
) -> None:
    async def send() -> None:
        async with post(make_access, options={"enable_SMTPUTF8": utf8}, sender=sender) as one:
            for local, domain, name in product(LOCALS, DOMAINS, NAMES):
                address = f"{LOCALS[local]}@{DOMAINS[domain]}"
                expected = None
                if {local, domain} & NEVER:
                    expected = "address_malformed"
                elif local in ONLY_WITH_UTF8 and not utf8:
                    expected = "smtputf8_not_offered"
                found = None
                try:
                    await one.send(name=NAMES[name], address=address)
                except AddressRefusedError as error:
                    found = error.code
                assert found == expected, (local, domain, name)
                if expected is None:
                    taken = one.server.taken[-1]
                    assert ("SMTPUTF8" in taken.mail_options) == (local in ONLY_WITH_UTF8), (local, domain, name)
                    assert isinstance(taken.content, bytes)
                    _check(taken.content, name, taken.rcpt_tos[0])
            each = (len(LOCALS) - 2 - (0 if utf8 else len(ONLY_WITH_UTF8))) * (len(DOMAINS) - 1) * len(NAMES)
            assert len(one.server.taken) == each

    run(send())


def _check(content: bytes, name: str, recipient: str) -> None:
    """Read a message as a mail program does, and find one recipient, their name, and the link that stops reminders."""
    message = message_from_string(content.decode(), policy=policy.SMTPUTF8)
    (mailbox,) = message["To"].addresses
    assert mailbox.addr_spec == recipient
    shown = {
        "lines": "Jose Bcc: a@b.fr x",
        "half a character": "Jose\N{REPLACEMENT CHARACTER}",
    }.get(name, " ".join(NAMES[name].split()))
    # The newer parser puts spaces into long encoded names; the older one does not.
    raw = message_from_string(content.decode())["To"].replace("\r\n", "")
    assert str(make_header(decode_header(parseaddr(raw)[0]))) == shown
    assert message["Bcc"] is None
    assert message["List-Unsubscribe"] == f"<https://demo.example/rappels/arreter/{EXPIRY.token}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    (sender,) = message["From"].addresses
    assert sender.username == "rappels"
    head = content.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    assert content.isascii() == recipient.isascii()


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(), max_size=220), st.one_of(st.emails(), st.text(st.characters(), max_size=80)))
@example("Jose", "josé@example.org")
@example("A" * 51, "zoë@example.org")
@example("", "\ud800@example.org")
def test_any_name_and_address_is_encoded_or_refused_as_an_address(
    make_access: MakeAccess, name: str, address: str
) -> None:
    access = make_access(security="none")
    notice = replace(EXPIRY, name=name, address=address)
    try:
        validate_email(address, check_deliverability=False)
    except (EmailNotValidError, UnicodeError):
        with pytest.raises(AddressRefusedError):
            compose(notice, access, datetime.now(UTC))
        return
    letter = compose(notice, access, datetime.now(UTC))
    message = message_from_string(letter.content.decode(), policy=policy.SMTPUTF8)
    assert [mailbox.addr_spec for mailbox in message["To"].addresses] == [letter.recipient]
    assert message.keys().count("To") == message.keys().count("From") == message.keys().count("Subject") == 1
    assert message.defects == []
    assert letter.content.isascii() == letter.recipient.isascii()


def test_an_unencodable_resident_is_refused_as_an_address(
    run: Run, make_access: MakeAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stands for unforeseen values: the resident's data is at fault if a message without it can be composed."""
    from integrations.channels import message, wording

    written = wording.words

    def words(notice: Notice, space_url: str, stop_url: str) -> wording.Words:
        if notice.name == "Unwritable":
            raise ZeroDivisionError
        return written(notice, space_url, stop_url)

    monkeypatch.setattr(message, "words", words)

    async def send() -> None:
        async with post(make_access) as one:
            error = await one.failure(name="Unwritable")
            assert (type(error), error.code) == (AddressRefusedError, "not_writable")
            await one.send()

    run(send())
