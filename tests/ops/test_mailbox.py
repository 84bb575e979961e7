"""The mailbox: a mail server in its own process, and `permit-hub mailbox`, which reads its messages."""

import json
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from ops.embedded.mailbox import FOLDER, SENDER, messages_below, prepare
from ops.mailbox.server import LARGEST_BYTES, MOST_RECIPIENTS
from tests.ops.mailboxes import ELSEWHERE, HERE, Mailbox, letter, serving
from tests.support.city import PermitHub


def test_messages_are_listed_the_newest_last_and_shown_as_they_were_written(
    mailbox: Mailbox, read_mailbox: Callable[..., str]
) -> None:
    text = "Votre droit arrive à échéance.\n\nLe renouveler coûte 10\xa0€.\n"
    mailbox.send(letter("Premier"), letter("Votre droit arrive à échéance", text, "<p>Échéance</p>\n"))

    listed = read_mailbox()
    assert listed.startswith("Messages: 2")
    assert [line.split()[0] for line in listed.splitlines()[2:4]] == ["1", "2"]
    assert listed.index("Premier") < listed.index("Votre droit arrive à")
    assert HERE in listed

    shown = read_mailbox("show", 2)
    head, _, said = shown.partition("\n\n")
    head = " ".join(head.split())
    assert said == text
    for words in ("Stationnement résidentiel", "Votre droit arrive à échéance", f"delivered to {HERE}"):
        assert words in head
    assert read_mailbox("show", 2, "--html") == "<p>Échéance</p>\n\n"


def test_messages_are_listed_and_shown_as_json(mailbox: Mailbox, read_mailbox: Callable[..., str]) -> None:
    mailbox.send(letter("Échéance", "à lire\n", "<p>à voir</p>\n"), to=(HERE, ELSEWHERE))

    (listed,) = json.loads(read_mailbox("--json"))["messages"]
    told = json.loads(read_mailbox("show", 1, "--json"))

    assert listed["to"] == [HERE, ELSEWHERE]
    assert (listed["number"], listed["subject"], listed["from"]) == (1, "Échéance", SENDER)
    assert told.items() >= listed.items()
    assert (told["text"], told["html"]) == ("à lire\n", "<p>à voir</p>\n")
    assert ["Subject", "Échéance"] in told["headers"]
    assert json.loads(read_mailbox("--json", "show", 1)) == told  # wherever it is said


def test_the_source_has_the_envelope_and_then_every_byte_of_the_message(
    mailbox: Mailbox, permit_hub: PermitHub, tmp_path: Path
) -> None:
    mailbox.send(b"Subject: \xe9\x1b\r\n\r\n.one\r\n\xff\r\n", to=(HERE, ELSEWHERE))

    command = [sys.executable, "-m", "ops.cli", "mailbox", "--data", str(tmp_path), "show", "1", "--source"]
    source = subprocess.run(command, capture_output=True, check=True).stdout

    envelope = f"Delivered-To: {HERE}\r\nDelivered-To: {ELSEWHERE}\r\nReturn-Path: <hub@city.example>\r\n"
    assert source == envelope.encode() + b"Subject: \xe9\x1b\r\n\r\n.one\r\n\xff\r\n"


def test_addresses_and_headers_may_be_in_any_script(mailbox: Mailbox, read_mailbox: Callable[..., str]) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, "rené@résidents.example", "Échéance 🅿 期限"
    message.set_content("Bonjour\n")
    with mailbox.connected() as connection:
        connection.send_message(message)

    (listed,) = json.loads(read_mailbox("--json"))["messages"]
    assert listed["to"] == ["rené@résidents.example"]
    assert listed["subject"] == "Échéance 🅿 期限"
    assert "rené@résidents.example" in read_mailbox()


def test_the_mailbox_takes_nothing_without_tls_or_with_a_wrong_password(
    mailbox: Mailbox, subjects: Callable[[], list[str | None]]
) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.port) as connection:
        connection.ehlo()
        assert "auth" not in connection.esmtp_features
        assert connection.mail("hub@city.example")[0] == 530
        assert connection.docmd("AUTH", "PLAIN")[0] == 530
        connection.starttls(context=ssl.create_default_context(cafile=mailbox.access.authority))
        connection.ehlo()
        assert connection.mail("hub@city.example")[0] == 530
    for wrong in ("x", mailbox.access.password[:-1], mailbox.access.password + "0"):
        with pytest.raises(smtplib.SMTPAuthenticationError), mailbox.connected(wrong):
            pass
    with (
        pytest.raises(ssl.SSLCertVerificationError),
        smtplib.SMTP("127.0.0.1", mailbox.port) as connection,
    ):
        connection.starttls(context=ssl.create_default_context())
    assert subjects() == []


def test_messages_survive_a_kill_of_the_mailbox(
    mailbox: Mailbox, tmp_path: Path, subjects: Callable[[], list[str | None]]
) -> None:
    mailbox.send(letter("avant"))
    with mailbox.connected() as connection:
        connection.sendmail("hub@city.example", [HERE], letter("juste avant"))
        mailbox.process.kill()  # the answer has come, and nothing else has been said
        mailbox.process.wait(10)
    assert subjects() == ["avant", "juste avant"]

    with serving(tmp_path) as again:
        assert again.access == mailbox.access
        again.send(letter("après"))
    assert subjects() == ["avant", "juste avant", "après"]


def test_a_message_that_was_cut_off_is_not_kept(mailbox: Mailbox, subjects: Callable[[], list[str | None]]) -> None:
    with mailbox.connected() as connection:
        connection.mail("hub@city.example")
        connection.rcpt(HERE)
        assert connection.docmd("DATA")[0] == 354
        connection.send(b"Subject: la moiti\r\n")
        connection.close()
    mailbox.send(letter("entier"))
    assert subjects() == ["entier"]


def test_a_fresh_start_drops_the_messages_and_keeps_the_password(
    mailbox: Mailbox, tmp_path: Path, subjects: Callable[[], list[str | None]]
) -> None:
    mailbox.send(letter())
    mailbox.process.terminate()
    assert mailbox.process.wait(10) == 0
    assert prepare(tmp_path).access == mailbox.access
    assert subjects() == ["Rappel"]
    assert prepare(tmp_path, fresh=True).access == mailbox.access
    assert not messages_below(tmp_path).exists()
    with serving(tmp_path) as again:
        assert subjects() == []
        again.send(letter("anew"))
    assert subjects() == ["anew"]


def test_a_message_has_a_largest_size(
    mailbox: Mailbox, read_mailbox: Callable[..., str], subjects: Callable[[], list[str | None]]
) -> None:
    line = b"x" * 900 + b"\r\n"
    mailbox.send(b"Subject: large\r\n\r\n" + line * (LARGEST_BYTES // len(line) - 10))
    with pytest.raises(smtplib.SMTPResponseException, match="552"):
        mailbox.send(b"Subject: larger\r\n\r\n" + line * (LARGEST_BYTES // len(line) + 10))
    with mailbox.connected() as connection:  # whoever does not say how large
        connection.mail("hub@city.example")
        connection.rcpt(HERE)
        assert connection.data(b"\r\n" + line * (LARGEST_BYTES // len(line) + 10))[0] == 552
        connection.sendmail("hub@city.example", [HERE], letter("still served"))
    assert subjects() == ["large", "still served"]
    assert len(read_mailbox("show", 1)) > 9_000_000


def test_the_number_of_recipients_is_limited(mailbox: Mailbox, read_mailbox: Callable[..., str]) -> None:
    with mailbox.connected() as connection:
        connection.mail("hub@city.example")
        codes = [connection.rcpt(f"r-{number}@residents.example")[0] for number in range(MOST_RECIPIENTS + 1)]
        assert codes == [250] * MOST_RECIPIENTS + [452]
        assert connection.data(letter())[0] == 250
    (listed,) = json.loads(read_mailbox("--json"))["messages"]
    assert len(listed["to"]) == MOST_RECIPIENTS


def test_the_list_is_limited_and_says_so(mailbox: Mailbox, read_mailbox: Callable[..., str]) -> None:
    mailbox.send(*(letter(f"Rappel {number}") for number in range(5)))
    listed = read_mailbox("--limit", 2)
    assert [number for number in range(5) if f"Rappel {number}" in listed] == [3, 4]
    assert "3 earlier ones: see --limit" in listed


def test_a_missing_message_or_mailbox_is_named_in_one_line(
    mailbox: Mailbox, read_mailbox: Callable[..., str], tmp_path: Path
) -> None:
    mailbox.send(letter())
    for number in (0, 2):
        assert read_mailbox("show", number, code=1) == f"There is no message {number}; there are 1.\n"
    read_mailbox("show", "one", code=2)
    read_mailbox("show", 1, "--html", "--source", code=2)
    for arguments in (("--data", tmp_path / "elsewhere"), ("show", 1, "--data", tmp_path / "elsewhere")):
        assert read_mailbox(*arguments, code=1).startswith(f"No stack has had a mailbox on {tmp_path / 'elsewhere'}.")


def test_a_message_that_cannot_be_written_is_deferred_and_the_next_one_is_kept(
    mailbox: Mailbox, subjects: Callable[[], list[str | None]]
) -> None:
    new, aside = mailbox.access.messages / "new", mailbox.access.messages / "aside"
    new.rename(aside)
    with pytest.raises(smtplib.SMTPResponseException, match="451"):
        mailbox.send(letter("perdu"))
    aside.rename(new)
    mailbox.send(letter("gardé"))
    assert subjects() == ["gardé"]
    assert "could not be kept: No such file or directory" in mailbox.log.read_text()


def test_only_this_user_can_read_the_mailboxs_files(mailbox: Mailbox, tmp_path: Path) -> None:
    mailbox.send(letter())
    assert (tmp_path / FOLDER).stat().st_mode & 0o077 == 0
    assert mailbox.access.messages.stat().st_mode & 0o077 == 0
    for secret in (mailbox.access.server_certificate, mailbox.access.folder / "permit_hub_email_password"):
        assert secret.stat().st_mode & 0o077 == 0
