"""The message around the text: headers and parts, and no way to inject anything into them."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import AddressHeader, BaseHeader
from email.message import EmailMessage
from email.policy import compat32, default
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.channels.base import Notice
from integrations.channels.message import Letter, compose
from integrations.channels.settings import EmailSettings
from tests.channels.conftest import COMPLETE, MakeAccess
from tests.channels.notices import ADDRESS, EXPIRY, NAME, NOTICES, PLATE

NOW = datetime(2025, 8, 17, 8, 30, tzinfo=UTC)
ACCESS = EmailSettings(**{name.lower(): value for name, value in COMPLETE.items()})  # type: ignore[arg-type]
STOP_URL = "https://demo.example/rappels/arreter/7b0f1f0c-8f62-4d0c-8f0d-3c3f5c2f5a11"

HOSTILE = [
    "<b>",
    '"Zoë", \r\nBcc: max@exemple.fr',
    'Zoë "la" Exemple, née <Autre>',
    "Zoë Exemple <max@exemple.fr>",
    "max@exemple.fr",
    "a\u2028Bcc: max@exemple.fr",
    "=?utf-8?q?Bcc=3A?=",
    "\\",
    '"',
    "(comment",
    "山田 太郎",
    "\u202eeoz",
    "Zoë " * 49,
    "Z" * 200,
    " ",
]


def written(notice: Notice = EXPIRY, access: EmailSettings = ACCESS) -> EmailMessage:
    """Compose a notice and parse it as a mail program does."""
    made = message_from_bytes(compose(notice, access, NOW).content, policy=default)
    assert isinstance(made, EmailMessage)
    return made


def test_the_headers_name_sender_and_recipient_and_suppress_automatic_replies() -> None:
    message = written()

    assert {name: str(value) for name, value in message.items() if name != "Subject"} == {
        "From": "Ville de Démo <rappels@demo.example>",
        "To": f"{NAME} <{ADDRESS}>",
        "Date": "Sun, 17 Aug 2025 08:30:00 +0000",
        "Message-ID": "<3d9d41ac-9c3a-4a4a-a3a5-6f6f3c1f9d10@demo.example>",
        "Content-Language": "fr",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
        "List-Unsubscribe": f"<{STOP_URL}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/alternative; boundary="=_3d9d41ac9c3a4a4aa3a56f6f3c1f9d10"',
    }


@pytest.mark.parametrize("hours", [-8, 0, 2])
def test_the_date_header_is_in_utc(hours: int) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=hours)))

    assert compose(EXPIRY, ACCESS, there) == compose(EXPIRY, ACCESS, NOW)


def test_the_link_that_stops_reminders_is_never_folded(make_access: MakeAccess) -> None:
    long = make_access(unsubscribe_url=f"https://demo.example/{'x' * 400}/")

    content = compose(EXPIRY, long, NOW).content

    assert f"\r\nList-Unsubscribe: <{long.unsubscribe_url}{EXPIRY.token}>\r\n".encode() in content


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_another_recipient_or_header(name: str) -> None:
    message = written(replace(EXPIRY, name=name))

    assert _recipients(message) == [ADDRESS]
    assert message.keys() == written().keys()
    assert _shown_name(compose(replace(EXPIRY, name=name), ACCESS, NOW).content).split() == name.split()


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=200))
def test_a_name_arrives_unchanged_or_at_least_on_one_line(name: str) -> None:
    content = compose(replace(EXPIRY, name=name), ACCESS, NOW).content
    head = content.partition(b"\r\n\r\n")[0]
    message = written(replace(EXPIRY, name=name))

    assert _recipients(message) == [ADDRESS]
    assert len(message.keys()) == 12
    assert head.isascii()
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert all(len(line) <= 78 for line in head.split(b"\r\n") if not line.startswith(b"List-Unsubscribe: "))
    assert _shown_name(content).split() == re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", name).split()


@pytest.mark.parametrize("notice", NOTICES.values(), ids=NOTICES)
def test_lines_are_short_and_the_text_is_readable_in_the_source(notice: Notice) -> None:
    content = compose(notice, ACCESS, NOW).content

    assert content.isascii()
    assert content.endswith(b"\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(len(line) for line in content.split(b"\r\n")) <= 100  # 998 are allowed; the links are the longest
    assert b"Content-Transfer-Encoding: base64" not in content
    assert content.replace(b"=\r\n", b"").count(PLATE.encode()) == 2


@pytest.mark.parametrize("notice", NOTICES.values(), ids=NOTICES)
def test_the_text_and_the_html_say_the_same(notice: Notice) -> None:
    message = written(notice)
    text, page = (part.get_content() for part in message.iter_parts())

    shown = re.sub(r"<[^>]+>", " ", page.partition("</h1>")[2]).replace("&#39;", "'")
    for word in re.findall(r"[\w'-]{4,}", text.replace("https://demo.example/espace", "").replace(STOP_URL, "")):
        assert word in shown


def test_a_notice_composed_twice_at_one_time_is_the_same_byte_for_byte() -> None:
    assert compose(EXPIRY, ACCESS, NOW).content == compose(EXPIRY, ACCESS, NOW).content


def test_two_notices_have_two_ids() -> None:
    other = replace(EXPIRY, reminder_id=EXPIRY.token)

    assert written(other)["Message-ID"] != written()["Message-ID"]


@pytest.mark.parametrize(
    "sender", ["rappels@demo.example", "Ville de Paris, DVD <rappels@demo.example>", '"Ville" <rappels@demo.example>']
)
def test_the_sender_needs_no_name(make_access: MakeAccess, sender: str) -> None:
    message = written(access=make_access(sender=sender))

    assert isinstance(message["From"], AddressHeader)
    assert [one.addr_spec for one in message["From"].addresses] == ["rappels@demo.example"]
    assert message["From"].addresses[0].display_name == sender.rpartition("<")[0].strip(' "')


def test_a_letters_repr_shows_no_content() -> None:
    shown = repr(compose(EXPIRY, ACCESS, NOW))

    assert shown == repr(Letter("", b""))


def _recipients(message: EmailMessage) -> list[str]:
    assert isinstance(message["To"], BaseHeader)
    assert not message["To"].defects
    assert isinstance(message["To"], AddressHeader)
    return [one.addr_spec for one in message["To"].addresses]


def _shown_name(content: bytes) -> str:
    """Return the recipient's name as RFC 2047 says; `email.policy.default` puts a space between two encoded words."""
    name, address = parseaddr(message_from_bytes(content, policy=compat32)["To"])
    assert address == ADDRESS
    return str(make_header(decode_header(name)))
