"""The journal: each decision is in it before its receipt goes out, and a crash or a full disk spoils nothing."""

import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from schemas.receipts import Outcome
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.upstream import ANNE, EVERYONE, Upstream
from tests.services.upstream import choice as choosing
from worker.hub import Hub
from worker.journal import Damaged, Entry, FolderJournal, JournalError
from worker.services.clock.sweep import sweep
from worker.services.jobs.journal import NotJournaledError


def text(**fields: str) -> str:
    return json.dumps({"job_id": str(uuid4()), "resident_id": ANNE} | fields)


def kinds(journal: FolderJournal) -> list[str]:
    return [line.kind if isinstance(line, Entry) else "damaged" for line in journal.read()]


def test_decisions_and_erasures_are_kept_and_nothing_else(
    upstream: Upstream, journal: FolderJournal, word: str
) -> None:
    upstream.applied("resident.update_contact", name=word, email="anne@example.fr", language="fr")
    upstream.active(plate={"raw": "ZZ-123-ZZ"})
    upstream.allow()
    assert upstream.allow(seen=7).outcome is Outcome.REFUSED
    upstream.refuse()
    upstream.applied("resident.erase")
    assert kinds(journal) == ["consent.decide", "consent.decide", "resident.erase"]
    kept = "".join(path.read_text() for path in journal.folder.iterdir())
    assert not [found for found in (word, "anne@example.fr", "123") if found in kept]


def test_a_decision_without_a_journal_is_carried_out_and_has_no_receipt_until_it_is_kept(
    upstream: Upstream, deliver: Deliver, hub: Hub, journal: FolderJournal, evidence: Evidence, today: date
) -> None:
    upstream.active()
    upstream.allow()
    deliver()
    job = upstream.envelope(resident_id=ANNE, **choosing("refuse", EVERYONE))
    missing = journal.folder.with_name("missing")
    broken = replace(hub, journal=FolderJournal(missing))
    upstream = Upstream(broken, today)
    with pytest.raises(NotJournaledError):
        upstream.send("consent.decide", job)
    deliver()
    assert evidence.pending() == 0
    with pytest.raises(NotJournaledError):
        upstream.send("consent.decide", job)
    sweep(broken, today)
    assert evidence.value("SELECT count(*) FROM unjournaled") == 1
    missing.mkdir()
    sweep(broken, today)
    assert evidence.value("SELECT count(*) FROM unjournaled") == 0
    assert str(job["job_id"]) in "".join(path.read_text() for path in missing.iterdir())
    assert upstream.send("consent.decide", job).outcome is Outcome.APPLIED


def test_each_process_and_day_has_a_file_of_its_own(journal: FolderJournal) -> None:
    other = FolderJournal(journal.folder)
    for _ in range(3):
        journal.append("consent.decide", text())
        other.append("consent.decide", text())
    assert len(list(journal.folder.iterdir())) == 2
    journal._day = "2024-01-01"
    journal.append("consent.decide", text())
    assert len(list(journal.folder.iterdir())) == 3
    assert len(kinds(journal)) == 7


def test_a_line_that_was_cut_off_by_a_crash_is_passed_over(journal: FolderJournal) -> None:
    journal.append("consent.decide", text())
    (path,) = journal.folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-20])
    assert kinds(journal) == ["consent.decide"]


def test_a_damaged_line_is_named_and_hides_no_other(journal: FolderJournal) -> None:
    for _ in range(3):
        journal.append("consent.decide", text())
    (path,) = journal.folder.iterdir()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\x00\xff{\n" + lines[2])
    assert kinds(journal) == ["consent.decide", "damaged", "consent.decide"]
    assert [line.where for line in journal.read() if isinstance(line, Damaged)] == [f"{path.name}, line 2"]


@pytest.mark.parametrize(
    "line",
    [
        *("[]", "1", "{}"),
        '{"at": "2026-01-01T00:00:00Z", "kind": "x", "job": {"job_id": "x", "resident_id": "r"}}',
        '{"at": "2026-01-01", "kind": "x", "job": {"job_id": "00000000000040008000000000000001", "resident_id": 1}}',
    ],
)
def test_a_line_of_another_shape_is_damaged(journal: FolderJournal, line: str) -> None:
    (journal.folder / "2026-01-01-a.jsonl").write_text(f"{line}\n")
    assert kinds(journal) == ["damaged"]


def test_decisions_since_a_moment_are_read_alone(journal: FolderJournal) -> None:
    journal.append("consent.decide", text())
    (first,) = journal.read()
    assert isinstance(first, Entry)
    journal.append("consent.decide", text())
    later = [line for line in journal.read(first.at + timedelta(microseconds=1)) if isinstance(line, Entry)]
    assert [entry.job_id for entry in later] != [first.job_id]
    assert len(later) == 1
    assert list(journal.read(datetime.now(UTC) + timedelta(minutes=1))) == []


@pytest.mark.parametrize("fails", ["fdatasync", "fsync"])
def test_what_the_disk_does_not_confirm_is_not_kept(
    fails: str, journal: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(JournalError, match="Input/output error"):
        journal.append("consent.decide", text())


def test_after_a_failed_write_the_next_decision_begins_a_new_file(
    journal: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append("consent.decide", text())
    write = os.write

    def half(file: int, line: bytes) -> int:
        monkeypatch.setattr(os, "write", full)
        return write(file, line[:10])

    def full(file: int, line: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(JournalError, match="No space left"):
        journal.append("consent.decide", text())
    journal.append("consent.decide", text())
    assert kinds(journal) == ["consent.decide", "consent.decide"]


def test_what_is_written_to_a_deleted_file_is_not_kept(journal: FolderJournal) -> None:
    journal.append("consent.decide", text())
    for path in journal.folder.iterdir():
        path.unlink()
    with pytest.raises(JournalError):
        journal.append("consent.decide", text())
    journal.append("consent.decide", text())
    assert kinds(journal) == ["consent.decide"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    journal = FolderJournal(tmp_path / "missing")
    for use in (lambda: journal.append("consent.decide", text()), lambda: list(journal.read())):
        with pytest.raises(JournalError, match="missing: No such file"):
            use()
