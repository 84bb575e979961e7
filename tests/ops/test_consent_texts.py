"""`permit-hub consent-texts`: the texts of the web app are there, others can be added, and what is none is refused."""

import hashlib
import json
from pathlib import Path
from uuid import uuid4

import pytest
from personal_space import consent_text

from ops.shown.space import APPS
from tests.support.city import City


def test_the_stack_knows_the_texts_that_its_web_app_shows(city: City) -> None:
    known = {(one["version"], one["choice"], one["text"]) for one in city.tells("consent-texts", "list")["texts"]}
    shown = {(one["version"], one["choice"], one["text"]) for one in consent_text.texts(APPS)}
    assert len(shown) == 4
    assert shown <= known
    assert f"{consent_text.VERSION}-fr" in city.prints("consent-texts", "list")


def test_a_text_that_is_added_counts_byte_for_byte(city: City, tmp_path: Path) -> None:
    words = f"J'autorise.\n(Version {uuid4()}, é)"
    text = {"version": "2027-01-fr", "language": "fr", "choice": "allow", "text": words}
    file = tmp_path / "texts.json"
    file.write_text(json.dumps([text]))
    sha256 = hashlib.sha256(words.encode()).hexdigest()
    assert city.tells("consent-texts", "add", file) == {"added": [sha256], "known": []}
    assert city.tells("consent-texts", "add", file) == {"added": [], "known": [sha256]}
    resident = city.resident()
    decided = {"choice": "allow", "providers": ["easypark"], "decided_at": "2026-01-01T10:00:00Z", "consent_version": 0}
    city.applied("consent.decide", resident, text={"version": "2027-01-fr", "sha256": sha256}, **decided)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '[{"version": "1", "language": "fr", "choice": "allow"}]',
        '[{"version": "1", "language": "french", "choice": "allow", "text": "x"}]',
        '[{"version": "1", "language": "fr", "choice": "perhaps", "text": "x"}]',
        '[{"version": "1", "language": "fr", "choice": "allow", "text": ""}]',
    ],
)
def test_what_is_no_list_of_texts_is_refused_in_one_line(city: City, tmp_path: Path, content: str) -> None:
    file = tmp_path / "texts.json"
    file.write_text(content)
    ended = city.permit_hub("consent-texts", "add", file)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Not a list of texts: ")
