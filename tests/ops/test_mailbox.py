"""The mailbox: a mail server in a process of its own, and `permit-hub mailbox`, which reads what it has taken."""

import base64
import json
import os
import pty
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.embedded.mailbox import FOLDER, SENDER, messages_below, prepare
from ops.mailbox.access import USER, Access, load_or_make
from ops.mailbox.server import LARGEST_BYTES, MOST_RECIPIENTS

HERE, ELSEWHERE = "somebody@residents.example", "somebody.else@residents.example"
ESCAPES = "\x1b[2J\x1b]0;owned\x07\u202egnp.exe\x9b31m"


@dataclass
class Server:
    """The running server."""

    access: Access
    port: int
    process: subprocess.Popen[str]
    log: Path

    @contextmanager
    def connected(self, password: str | None = None) -> Iterator[smtplib.SMTP]:
        """Connect, encrypt, and sign in."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as connection:
            connection.starttls(context=ssl.create_default_context(cafile=self.access.authority))
            connection.login(USER, password or self.access.password)
            yield connection

    def send(self, *contents: bytes, to: tuple[str, ...] = (HERE,)) -> None:
        """Send messages as they stand."""
        with self.connected() as connection:
            for content in contents:
                assert connection.sendmail("hub@city.example", to, content) == {}


@contextmanager
def serving(data: Path) -> Iterator[Server]:
    access = load_or_make(data / FOLDER)
    command = [sys.executable, "-m", "ops.mailbox", "--folder", str(access.folder), "--port", "0"]
    log = data / "mailbox.log"
    with log.open("a") as written, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=written, text=True) as made:
        try:
            assert made.stdout is not None
            yield Server(access, int(made.stdout.readline().rpartition(":")[2]), made, log)
        finally:
            made.kill()


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    with serving(tmp_path) as made:
        yield made


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Run the command on the mailbox, in this process; return what it prints, which steers no terminal."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: object, code: int = 0) -> str:
        ended = CliRunner().invoke(app, ["mailbox", "--data", str(tmp_path), *map(str, arguments)])
        assert ended.exit_code == code, ended.output
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        assert all(character.isprintable() or character in "\n\t\xa0" for character in ended.stdout)
        return str(ended.stdout if code == 0 else ended.stderr)

    return run


@pytest.fixture
def subjects(read):
    def listed() -> list[str | None]:
        return [message["subject"] for message in json.loads(read("--json"))["messages"]]

    return listed


def letter(subject: str = "Rappel", text: str = "Bonjour\n", html: str | None = None) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, HERE, subject
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


def test_what_is_sent_is_listed_the_newest_last_and_reads_as_it_was_written(server, read):
    text = "Votre droit arrive à échéance.\n\nLe renouveler coûte 10\xa0€.\n"
    server.send(letter("Premier"), letter("Votre droit arrive à échéance", text, "<p>Échéance</p>\n"))

    listed = read()
    assert listed.startswith("Messages: 2")
    assert [line.split()[0] for line in listed.splitlines()[2:4]] == ["1", "2"]
    assert listed.index("Premier") < listed.index("Votre droit arrive à")
    assert HERE in listed

    shown = read("show", 2)
    head, _, said = shown.partition("\n\n")
    assert said == text
    for words in ("Stationnement résidentiel", "Votre droit arrive à échéance", f"delivered to  {HERE}"):
        assert words in " ".join(head.split("  ")) or words in head
    assert read("show", 2, "--html") == "<p>Échéance</p>\n\n"


def test_the_same_as_json(server, read):
    server.send(letter("Échéance", "à lire\n", "<p>à voir</p>\n"), to=(HERE, ELSEWHERE))

    (listed,) = json.loads(read("--json"))["messages"]
    told = json.loads(read("show", 1, "--json"))

    assert listed["to"] == [HERE, ELSEWHERE]
    assert (listed["number"], listed["subject"], listed["from"]) == (1, "Échéance", SENDER)
    assert told.items() >= listed.items()
    assert (told["text"], told["html"]) == ("à lire\n", "<p>à voir</p>\n")
    assert ["Subject", "Échéance"] in told["headers"]
    assert json.loads(read("--json", "show", 1)) == told  # wherever it is said


def test_the_source_is_every_byte_that_was_sent_below_its_envelope(server, permit_hub, tmp_path):
    server.send(b"Subject: \xe9\x1b\r\n\r\n.one\r\n\xff\r\n", to=(HERE, ELSEWHERE))

    command = [sys.executable, "-m", "ops.cli", "mailbox", "--data", str(tmp_path), "show", "1", "--source"]
    source = subprocess.run(command, capture_output=True, check=True).stdout

    envelope = f"Delivered-To: {HERE}\r\nDelivered-To: {ELSEWHERE}\r\nReturn-Path: <hub@city.example>\r\n"
    assert source == envelope.encode() + b"Subject: \xe9\x1b\r\n\r\n.one\r\n\xff\r\n"


def test_addresses_and_headers_may_be_in_any_script(server, read):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, "rené@résidents.example", "Échéance 🅿 期限"
    message.set_content("Bonjour\n")
    with server.connected() as connection:
        connection.send_message(message)

    (listed,) = json.loads(read("--json"))["messages"]
    assert listed["to"] == ["rené@résidents.example"]
    assert listed["subject"] == "Échéance 🅿 期限"
    assert "rené@résidents.example" in read()


def test_nothing_is_taken_from_whoever_is_not_encrypted_or_gives_another_password(server, subjects):
    with smtplib.SMTP("127.0.0.1", server.port) as connection:
        connection.ehlo()
        assert "auth" not in connection.esmtp_features
        assert connection.mail("hub@city.example")[0] == 530
        assert connection.docmd("AUTH", "PLAIN")[0] == 530
        connection.starttls(context=ssl.create_default_context(cafile=server.access.authority))
        connection.ehlo()
        assert connection.mail("hub@city.example")[0] == 530
    for wrong in ("x", server.access.password[:-1], server.access.password + "0"):
        with pytest.raises(smtplib.SMTPAuthenticationError), server.connected(wrong):
            pass
    with (
        pytest.raises(ssl.SSLCertVerificationError),
        smtplib.SMTP("127.0.0.1", server.port) as connection,
    ):
        connection.starttls(context=ssl.create_default_context())
    assert subjects() == []


def test_what_was_taken_survives_a_kill_and_is_there_at_the_next_start(server, tmp_path, subjects):
    server.send(letter("avant"))
    with server.connected() as connection:
        connection.sendmail("hub@city.example", [HERE], letter("juste avant"))
        server.process.kill()  # the answer has come, and nothing else has been said
        server.process.wait(10)
    assert subjects() == ["avant", "juste avant"]

    with serving(tmp_path) as again:
        assert again.access == server.access
        again.send(letter("après"))
    assert subjects() == ["avant", "juste avant", "après"]


def test_a_message_that_was_cut_off_is_not_there(server, subjects):
    with server.connected() as connection:
        connection.mail("hub@city.example")
        connection.rcpt(HERE)
        assert connection.docmd("DATA")[0] == 354
        connection.send(b"Subject: la moiti\r\n")
        connection.close()
    server.send(letter("entier"))
    assert subjects() == ["entier"]


def test_beginning_anew_drops_the_messages_and_keeps_the_access(server, tmp_path, subjects):
    server.send(letter())
    server.process.terminate()
    assert server.process.wait(10) == 0
    assert prepare(tmp_path).access == server.access
    assert subjects() == ["Rappel"]
    assert prepare(tmp_path, anew=True).access == server.access
    assert not messages_below(tmp_path).exists()
    with serving(tmp_path) as again:
        assert subjects() == []
        again.send(letter("anew"))
    assert subjects() == ["anew"]


def test_a_message_may_be_large_and_not_larger(server, read, subjects):
    line = b"x" * 900 + b"\r\n"
    server.send(b"Subject: large\r\n\r\n" + line * (LARGEST_BYTES // len(line) - 10))
    with pytest.raises(smtplib.SMTPResponseException, match="552"):
        server.send(b"Subject: larger\r\n\r\n" + line * (LARGEST_BYTES // len(line) + 10))
    with server.connected() as connection:  # whoever does not say how large
        connection.mail("hub@city.example")
        connection.rcpt(HERE)
        assert connection.data(b"\r\n" + line * (LARGEST_BYTES // len(line) + 10))[0] == 552
        connection.sendmail("hub@city.example", [HERE], letter("still served"))
    assert subjects() == ["large", "still served"]
    assert len(read("show", 1)) > 9_000_000


def test_a_message_has_so_many_recipients_and_no_more(server, read):
    with server.connected() as connection:
        connection.mail("hub@city.example")
        codes = [connection.rcpt(f"r-{number}@residents.example")[0] for number in range(MOST_RECIPIENTS + 1)]
        assert codes == [250] * MOST_RECIPIENTS + [452]
        assert connection.data(letter())[0] == 250
    (listed,) = json.loads(read("--json"))["messages"]
    assert len(listed["to"]) == MOST_RECIPIENTS


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


def test_hostile_messages_are_listed_and_shown_without_steering_the_terminal(server, read):
    server.send(*HOSTILE.values(), letter("La dernière"))

    listed = read()
    assert listed.startswith(f"Messages: {len(HOSTILE) + 1}")
    assert "La dernière" in listed
    assert len(json.loads(read("--json"))["messages"]) == len(HOSTILE) + 1
    for number in range(1, len(HOSTILE) + 1):
        assert f"delivered to  {HERE}" in read("show", number)
        json.loads(read("show", number, "--json"))
    assert "Bonjour" in read("show", len(HOSTILE) + 1)


def test_what_can_be_read_of_a_broken_message_is_read(server, read):
    server.send(HOSTILE["no such charset"], HOSTILE["half of an encoded letter"], HOSTILE["an attachment alone"])
    assert "body" in read("show", 1)
    assert json.loads(read("show", 2, "--json"))["subject"] == "é \N{REPLACEMENT CHARACTER} é"
    assert "It has no text to read" in read("show", 3)
    assert read("show", 3, "--html", code=1) == "It has no HTML part.\n"


def test_a_recipient_cannot_add_to_the_envelope(server, read):
    with server.connected() as connection:
        connection.mail("hub@city.example")
        connection.send(b'RCPT TO:<"a\rDelivered-To: x"@b.example>\r\n')
        codes = [connection.getreply()[0]]
        connection.rcpt(HERE)
        assert connection.data(b"Delivered-To: nobody@b.example\r\nSubject: x\r\n\r\nx\r\n")[0] == 250
    (listed,) = json.loads(read("--json"))["messages"]
    assert len(listed["to"]) == codes.count(250) + 1
    assert listed["to"][-1] == HERE
    assert not [one for one in listed["to"] if "\r" in one]


def test_in_a_terminal_even_the_source_cannot_steer_it(server, tmp_path):
    server.send(HOSTILE["subject of escapes"])
    for arguments in ((), ("show", "1", "--source")):
        shown = in_terminal("--data", str(tmp_path), *arguments)
        rest = shown.replace("\x1b[2m", "").replace("\x1b[1m", "").replace("\x1b[0m", "")  # dim, bold, and their end
        assert "gnp.exe" in rest
        assert all(character.isprintable() or character in "\r\n\t" for character in rest), arguments


def in_terminal(*arguments: str) -> str:
    """Return what the command writes to a terminal."""
    ours, theirs = pty.openpty()
    variables = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(
        [sys.executable, "-m", "ops.cli", "mailbox", *arguments], stdin=theirs, stdout=theirs, env=variables
    ) as process:
        os.close(theirs)
        written = b""
        try:
            while chunk := os.read(ours, 65_536):
                written += chunk
        except OSError:  # it has ended
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0
    return written.decode()


def test_a_list_has_an_end(server, read):
    server.send(*(letter(f"Rappel {number}") for number in range(5)))
    listed = read("--limit", 2)
    assert [number for number in range(5) if f"Rappel {number}" in listed] == [3, 4]
    assert "3 earlier ones: see --limit" in listed


def test_what_is_not_there_is_said_in_one_line(server, read, tmp_path):
    server.send(letter())
    for number in (0, 2):
        assert read("show", number, code=1) == f"There is no message {number}; there are 1.\n"
    read("show", "one", code=2)
    read("show", 1, "--html", "--source", code=2)
    for arguments in (("--data", tmp_path / "elsewhere"), ("show", 1, "--data", tmp_path / "elsewhere")):
        assert read(*arguments, code=1).startswith(f"No stack has had a mailbox on {tmp_path / 'elsewhere'}.")


def test_the_log_holds_nothing_of_what_was_sent_or_of_who_sent(server):
    server.send(*HOSTILE.values(), to=(HERE, ELSEWHERE))
    with pytest.raises(smtplib.SMTPAuthenticationError), server.connected("wrong-password"):
        pass
    with server.connected() as connection:
        connection.docmd("MAIL", "FROM:<@@@residents.example>")
        connection.docmd("VRFY", HERE)
        connection.docmd("residents.example", "x")
        connection.sock.close()
    with smtplib.SMTP("127.0.0.1", server.port) as connection:
        connection.docmd("STARTTLS")
        connection.sock.send(b"residents.example\r\n" * 100)  # no handshake
    server.process.terminate()
    assert server.process.wait(10) == 0
    log = server.log.read_text()
    for private in ("residents.example", "city.example", "hostile", "password", server.access.password):
        assert private not in log


def test_a_message_that_cannot_be_kept_is_put_off_and_the_next_one_taken(server, subjects):
    new, aside = server.access.messages / "new", server.access.messages / "aside"
    new.rename(aside)
    with pytest.raises(smtplib.SMTPResponseException, match="451"):
        server.send(letter("perdu"))
    aside.rename(new)
    server.send(letter("gardé"))
    assert subjects() == ["gardé"]
    assert "could not be kept: No such file or directory" in server.log.read_text()


def test_its_files_are_for_the_eyes_of_this_user_alone(server, tmp_path):
    server.send(letter())
    assert (tmp_path / FOLDER).stat().st_mode & 0o077 == 0
    assert server.access.messages.stat().st_mode & 0o077 == 0
    for secret in (server.access.server, server.access.folder / "permit_hub_email_password"):
        assert secret.stat().st_mode & 0o077 == 0
