"""Secrets and certificates are invented once and kept for their user alone."""

from pathlib import Path

import pytest

from integrations.private_files import kept_secret, make_folder, write_private
from integrations.sandbox.certificates import keep_certificates


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def certificates(folder: Path) -> dict[str, bytes]:
    """Keep an authority and a server's certificate in a folder; return their files' contents."""
    keep_certificates(
        folder, "a test", "authority.pem", {"server.pem": lambda authority: authority.issue_cert("a.test")}
    )
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_secret_is_invented_once(tmp_path: Path) -> None:
    secret = kept_secret(tmp_path / "one")
    assert kept_secret(tmp_path / "one") == secret
    assert kept_secret(tmp_path / "other") != secret


def test_a_secret_that_was_put_there_by_hand_is_kept(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("from the city\n")
    assert kept_secret(tmp_path / "given") == "from the city"


def test_only_its_user_can_read_what_is_kept(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "new" / "folder")
    kept_secret(folder / "secret")
    certificates(folder)
    assert mode(folder) == 0o700
    assert {file.name: mode(file) for file in folder.iterdir()} == dict.fromkeys(
        ("secret", "authority.pem", "server.pem"), 0o600
    )


def test_a_write_that_was_interrupted_leaves_the_old_content_and_the_next_one_succeeds(tmp_path: Path) -> None:
    write_private(tmp_path / "kept.json", b"old")
    (tmp_path / "kept.json.new").write_bytes(b"half of wh")
    assert (tmp_path / "kept.json").read_bytes() == b"old"
    write_private(tmp_path / "kept.json", b"new")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"kept.json": b"new"}


def test_certificates_that_are_all_there_stay(tmp_path: Path) -> None:
    first = certificates(tmp_path)
    assert certificates(tmp_path) == first
    assert b"PRIVATE KEY" in first["server.pem"]
    assert b"PRIVATE KEY" not in first["authority.pem"]


@pytest.mark.parametrize("missing", ["authority.pem", "server.pem"])
def test_if_one_certificate_is_missing_all_are_made_again(tmp_path: Path, missing: str) -> None:
    first = certificates(tmp_path)
    (tmp_path / missing).unlink()
    again = certificates(tmp_path)
    assert [name for name in first if again[name] == first[name]] == []
