"""Messages and clients that try to break the mailbox, its reader or the terminal."""

import base64
import json
import smtplib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ops.mailboxes import ELSEWHERE, HERE, Mailbox, letter
from tests.support.terminal import in_terminal

ESCAPES = "\x1b[2J\x1b]0;owned\x07\u202egnp.exe\x9b31m"


def nested(depth: int) -> bytes:
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number) for number in range(depth)
    )
    return b"Subject: hostile\r\nMIME-Version: 1.0\r\n" + opened + b"\r\nlost\r\n"


def with_header(*lines: bytes) -> bytes:
    return b"\r\n".join((b"Subject: hostile", *lines, b"", b"body", b""))


HOSTILE = {
    "nothing": b"",
    "no headers": b"just words\r\n",
    "binary": bytes(range(1, 10)) + b"\x0b\x0c\x0e\x1b\x7f\x80\xff\r\n" * 50,
    "zeros": b"Subject: hostile\r\n\r\n\x00\x00\x00\r\n",
    "subject of escapes": f"Subject: {ESCAPES}\r\n\r\n{ESCAPES}\r\n".encode(),
    "encoded escapes": b"Subject: =?utf-8?b?%s?=\r\n\r\n" % base64.b64encode(f"{ESCAPES}\r\nBcc: x".encode()),
    "wrong base64": b"Subject: =?utf-8?b?A?= =?utf-8?b?!!!?=\r\n\r\nx\r\n",
    "no such charset": with_header(b"Subject: =?klingon?q?x?=", b'Content-Type: text/plain; charset="klingon"'),
    "not a charset of text": with_header(b'Content-Type: text/plain; charset="zlib"'),
    "a charset with zeros": with_header(b'Content-Type: text/plain; charset="utf\x00-8"'),
    "a charset that cannot replace": with_header(b"Content-Type: text/plain; charset=idna"),
    "wrong transfer encoding": with_header(b"Content-Transfer-Encoding: base64", b"Content-Type: text/plain"),
    "uuencoded nonsense": with_header(b"Content-Transfer-Encoding: x-uuencode", b"Content-Type: text/plain"),
    "wrong parameters": with_header(b"Content-Type: text/plain; charset*99999999999999999999=x; charset*0*=utf-8''%"),
    "multipart without an end": with_header(b"Content-Type: multipart/alternative; boundary=x"),
    "multipart without a boundary": with_header(b"Content-Type: multipart/mixed"),
    "nested too deep": nested(3_000),
    "an attachment alone": with_header(b"Content-Type: text/plain", b"Content-Disposition: attachment; filename=a.txt"),
    "a header without end": b"Subject: " + b"a" * 900 + b"\r\n " + (b"b" * 900 + b"\r\n ") * 2_000 + b"\r\n\r\nx\r\n",
    "ten thousand headers": b"X-A: b\r\n" * 10_000 + b"\r\nx\r\n",
    "half of an encoded letter": b"Subject: =?utf-8?q?=C3?= =?utf-8?q?=A9?= \xe9 \xc3\xa9\r\n\r\nx\r\n",
}


def test_hostile_messages_are_listed_and_shown_without_steering_the_terminal(
    mailbox: Mailbox, read_mailbox: Callable[..., str]
) -> None:
    mailbox.send(*HOSTILE.values(), letter("La dernière"))

    listed = read_mailbox()
    assert listed.startswith(f"Messages: {len(HOSTILE) + 1}")
    assert "La dernière" in listed
    assert len(json.loads(read_mailbox("--json"))["messages"]) == len(HOSTILE) + 1
    for number in range(1, len(HOSTILE) + 1):
        assert f"delivered to  {HERE}" in read_mailbox("show", number)
        json.loads(read_mailbox("show", number, "--json"))
    assert "Bonjour" in read_mailbox("show", len(HOSTILE) + 1)


def test_the_readable_parts_of_a_broken_message_are_read(mailbox: Mailbox, read_mailbox: Callable[..., str]) -> None:
    mailbox.send(HOSTILE["no such charset"], HOSTILE["half of an encoded letter"], HOSTILE["an attachment alone"])
    assert "body" in read_mailbox("show", 1)
    assert json.loads(read_mailbox("show", 2, "--json"))["subject"] == "é \N{REPLACEMENT CHARACTER} é"
    assert "It has no text to read" in read_mailbox("show", 3)
    assert read_mailbox("show", 3, "--html", code=1) == "It has no HTML part.\n"


def test_a_recipient_cannot_add_to_the_envelope(mailbox: Mailbox, read_mailbox: Callable[..., str]) -> None:
    with mailbox.connected() as connection:
        connection.mail("hub@city.example")
        connection.send(b'RCPT TO:<"a\rDelivered-To: x"@b.example>\r\n')
        codes = [connection.getreply()[0]]
        connection.rcpt(HERE)
        assert connection.data(b"Delivered-To: nobody@b.example\r\nSubject: x\r\n\r\nx\r\n")[0] == 250
    (listed,) = json.loads(read_mailbox("--json"))["messages"]
    assert len(listed["to"]) == codes.count(250) + 1
    assert listed["to"][-1] == HERE
    assert not [one for one in listed["to"] if "\r" in one]


def test_the_source_of_a_message_cannot_steer_a_terminal(mailbox: Mailbox, tmp_path: Path) -> None:
    mailbox.send(HOSTILE["subject of escapes"])
    for arguments in ((), ("show", "1", "--source")):
        shown = in_terminal([sys.executable, "-m", "ops.cli", "mailbox", "--data", str(tmp_path), *arguments])
        rest = shown.replace("\x1b[2m", "").replace("\x1b[1m", "").replace("\x1b[0m", "")  # dim, bold, and their end
        assert "gnp.exe" in rest
        assert all(character.isprintable() or character in "\r\n\t" for character in rest), arguments


def test_the_mailboxs_log_holds_no_address_and_no_content(mailbox: Mailbox) -> None:
    mailbox.send(*HOSTILE.values(), to=(HERE, ELSEWHERE))
    with pytest.raises(smtplib.SMTPAuthenticationError), mailbox.connected("wrong-password"):
        pass
    with mailbox.connected() as connection:
        connection.docmd("MAIL", "FROM:<@@@residents.example>")
        connection.docmd("VRFY", HERE)
        connection.docmd("residents.example", "x")
        assert connection.sock is not None
        connection.sock.close()
    with smtplib.SMTP("127.0.0.1", mailbox.port) as connection:
        connection.docmd("STARTTLS")
        assert connection.sock is not None
        connection.sock.send(b"residents.example\r\n" * 100)  # no handshake
    mailbox.process.terminate()
    assert mailbox.process.wait(10) == 0
    log = mailbox.log.read_text()
    for private in ("residents.example", "city.example", "hostile", "password", mailbox.access.password):
        assert private not in log
