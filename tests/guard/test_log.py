"""No log line shows the text of an error, an argument or a result."""

import json
import os
import subprocess
import sys

import pytest

from tests.guard.harness import HASH_KEY, ROOT
from tests.guard.poison import SECRET

SPEAK = f"""
import logging, structlog, worker.log
worker.log.configure()
library, ours = logging.getLogger("celery.worker"), structlog.get_logger()
context = {{"name": "permit.cancel", "id": "17", "runtime": 1.5, "return_value": "{SECRET}", "exc": "{SECRET}"}}
library.info("Task %(name)s[%(id)s] succeeded in %(runtime)ss: %(return_value)s", context, extra={{"data": context}})
library.error("Could not do %s: %r", "this", ValueError("{SECRET}"))
library.error(ValueError("{SECRET}"))
try:
    held = "{SECRET}"
    raise KeyError(held)
except KeyError as error:
    library.exception("failed")
    library.error("failed again", exc_info=error, stack_info=True)
    ours.error("share.failed", exc_info=True)
    ours.exception("share.failed")
    ours.warning("share.unclear", error=error, share=17)
"""


@pytest.fixture(scope="module", params=["json", "console"])
def spoken(request: pytest.FixtureRequest) -> str:
    environment = os.environ | {
        "PERMIT_HUB_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/nothing",
        "PERMIT_HUB_REDIS_URL": "redis://127.0.0.1:1",
        "PERMIT_HUB_HASH_KEY": HASH_KEY,
        "PERMIT_HUB_LOG_FORMAT": request.param,
    }
    done = subprocess.run(
        [sys.executable, "-c", SPEAK], env=environment, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stderr


def test_no_log_line_shows_data(spoken: str) -> None:
    assert SECRET not in spoken
    assert len(spoken.splitlines()) == 8


def test_log_lines_name_the_event_and_the_place(spoken: str) -> None:
    assert "Task permit.cancel[17] succeeded in 1.5s" in spoken
    assert "Could not do this: 'ValueError'" in spoken
    if spoken.startswith("{"):
        lines = [json.loads(line) for line in spoken.splitlines()]
        assert [line.get("raised") for line in lines] == [None, None, None, *["KeyError"] * 4, None]
        assert lines[5]["raised_at"] == ["<string>:11 <module>"]
        assert lines[7]["error"] == "KeyError"
