"""Commands with wrong input: they say so, and reach no server."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integrations.registry import ADAPTERS
from tests.support.city import PermitHub

HUB = {
    "PERMIT_HUB_REDIS_URL": "redis://127.0.0.1:1/0",
    "PERMIT_HUB_DATABASE_URL": "postgresql+psycopg://hub@127.0.0.1:1/hub",
    "PERMIT_HUB_HASH_KEY": "k" * 32,
}
PERMIT = "00000000-0000-4000-8000-000000000001"
SINCE = ("--since", "2026-09-16T03:00")
TYPED = """
import json, sys
from typer.testing import CliRunner
from ops.cli import app

for line in sys.stdin:
    ended = CliRunner().invoke(app, json.loads(line))
    print(json.dumps([ended.exit_code, ended.stdout, ended.stderr]), flush=True)
"""
NOBODY = f"nobody is not a provider here. There are: {', '.join(ADAPTERS)}.\n"
WHICH = "Say which (--provider, --code, --since, --until, --permit), or --all.\n"
NO_TIME = "'yesterday' is not a time such as 2026-09-16T03:00"


@pytest.fixture(scope="module")
def typed() -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Run commands one after the other in one process, since each new process would spend its time on imports."""
    command, environment = [sys.executable, "-c", TYPED], os.environ | HUB | {"COLUMNS": "200"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def run(*arguments: str) -> tuple[int, str, str]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{json.dumps(arguments)}\n")
            process.stdin.flush()
            code, printed, complaint = json.loads(process.stdout.readline())
            return code, printed, complaint

        yield run
        process.terminate()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("reconcile", "nobody"), NOBODY),
        (("reaffirm", "nobody", *SINCE), NOBODY),
        (("pause", "nobody"), NOBODY),
        (("resume", "nobody", "--json"), NOBODY),
        (("dead-letters", "list", "--provider", "nobody"), NOBODY),
        (("dead-letters", "show", PERMIT, "nobody"), NOBODY),
        (("dead-letters", "retry"), WHICH),
        (("dead-letters", "discard", "--json"), WHICH),
        (("requests", "show", "nobody"), "'nobody' is not a permit's id.\n"),
        (("requests", "approve", f"{PERMIT}0"), f"'{PERMIT}0' is not a permit's id.\n"),
        (("requests", "approve", PERMIT[:7]), f"'{PERMIT[:7]}' is too short: type at least 8 characters of the id.\n"),
        (("requests", "reject", PERMIT, "--reason", " "), "Say why: the resident reads it.\n"),
        (
            ("reconcile", "paybyphone"),
            "paybyphone cannot list what it holds. After a loss there: permit-hub reaffirm paybyphone --since TIME\n",
        ),
        (
            ("reaffirm", "paybyphone", "--since", "2999-01-01"),
            "2999-01-01T00:00:00+01:00 is yet to come: nothing was confirmed since.\n",
        ),
        (("outlook", "--as-of", "2020-01-01"), "2020-01-01 is past: nothing is done then.\n"),
        (("outlook", "--as-of", "2999-01-01", "--json"), "2999-01-01 is more than ten years ahead.\n"),
        (("outlook", "--as-of", "2999-01-01", "--days", "9"), "--as-of is of one day: it goes without --days.\n"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
def test_commands_say_in_one_line_what_they_cannot_do(
    typed: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], complaint: str
) -> None:
    assert typed(*arguments) == (2, "", complaint)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("reaffirm", "easypark"), "Missing option '--since'"),
        (("reaffirm", "easypark", "--since", "yesterday"), NO_TIME),
        (("reaffirm", "easypark", "--since", "2026"), "'2026' is not a time"),  # nor a number of seconds since 1970
        (("dead-letters", "list", "--until", "yesterday"), NO_TIME),
        (("dead-letters", "retry", "--permit", "17"), "--permit"),
        (("dead-letters", "show", "17", "easypark"), "PERMIT"),
        (("requests", "reject", PERMIT), "Missing option '--reason'"),
        (("outlook", "--as-of", "tomorrow"), "'tomorrow' is not a day such as 2026-09-16."),
        (("outlook", "--as-of", "2027-02-29"), "'2027-02-29' is not a day such as 2026-09-16."),
        (("outlook", "--days", "0"), "--days"),
        (("outlook", "--days", "4000"), "--days"),
        (("outlook", "--days", "many"), "--days"),
        (("up", "--redis-port", "65536"), "--redis-port"),
        (("up", "--smtp-port", "-1"), "--smtp-port"),
        (("status", "--wait", "-1"), "--wait"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
def test_commands_name_an_argument_that_they_cannot_read(
    typed: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], part: str
) -> None:
    code, printed, complaint = typed(*arguments)
    assert (code, printed) == (2, "")
    assert part in complaint
    assert "Traceback" not in complaint


@pytest.mark.parametrize(
    "command",
    [("pause", "easypark"), ("dead-letters", "list"), ("reconcile", "easypark"), ("requests", "list"), ("outlook",)],
)
def test_commands_name_servers_that_do_not_answer(
    typed: Callable[..., tuple[int, str, str]], command: tuple[str, str] | tuple[str]
) -> None:
    code, printed, complaint = typed(*command)
    assert (code, printed) == (1, "")
    assert complaint == "The database does not answer: OperationalError. Is its URL right, and is it migrated?\n"


def test_commands_name_a_data_folder_without_a_stack(
    typed: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    code, printed, complaint = typed("pause", "easypark", "--data", str(tmp_path))
    assert (code, printed) == (1, "")
    assert complaint.startswith(f"No stack runs on {tmp_path}. Start one with `permit-hub up`, ")


def test_commands_name_unreadable_tariffs(permit_hub: PermitHub) -> None:
    ended = permit_hub("pause", "easypark", **HUB, PERMIT_HUB_TARIFFS="/nowhere/tariffs.toml")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "PERMIT_HUB_TARIFFS is wrong: No such file or directory\n"
