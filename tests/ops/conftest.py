"""Fixtures of the command line's tests, beside `permit_hub` and `city` (`tests.support.running_city`).

- `folder` (module): an empty data folder with a short path, removed afterwards; the demo is played on it.
- `running`: the data folder of the city's stack.
- `mailbox`: a running mail server on an empty folder.
- `read_mailbox(*arguments)`: runs `permit-hub mailbox` on it in this process, checks that the output cannot steer a
  terminal, and returns it; `subjects()`: the subjects of the messages.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.embedded.folders import remove_data
from tests.ops.mailboxes import Mailbox, serving
from tests.support.city import City


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="hub-"))
    place.chmod(0o711)
    try:
        yield place
    finally:
        for part in (place / "demo", place):
            remove_data(part)


@pytest.fixture
def running(city: City) -> Path:
    return city.folder


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with serving(tmp_path) as made:
        yield made


@pytest.fixture
def read_mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run the command in this process, check that its output cannot steer a terminal, and return it."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: object, code: int = 0) -> str:
        ended = CliRunner().invoke(app, ["mailbox", "--data", str(tmp_path), *map(str, arguments)])
        assert ended.exit_code == code, ended.output
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        assert all(character.isprintable() or character in "\n\t\xa0" for character in ended.stdout)
        return str(ended.stdout if code == 0 else ended.stderr)

    return run


@pytest.fixture
def subjects(read_mailbox: Callable[..., str]) -> Callable[[], list[str | None]]:
    def listed() -> list[str | None]:
        return [message["subject"] for message in json.loads(read_mailbox("--json"))["messages"]]

    return listed
