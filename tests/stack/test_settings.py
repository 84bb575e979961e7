"""A process whose settings are missing or wrong names them, shows no value, and exits."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from subprocess import PIPE, STDOUT

import pytest

from integrations.registry import ADAPTERS
from tests.support.commands import Commands

REDIS = {"PERMIT_HUB_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}
DATABASE = {"PERMIT_HUB_DATABASE_URL": "postgresql+psycopg://worker:hunter2@127.0.0.1:1/hub"}
HASH_KEY = {"PERMIT_HUB_HASH_KEY": "k" * 32}
PROVIDERS = ("city_hub", "easypark", "indigo_neo")
LANES: dict[str, str | None] = {
    **{f"PERMIT_HUB_{name.upper()}_URL": f"https://{name.replace('_', '-')}.example" for name in PROVIDERS},
    **{f"PERMIT_HUB_{name.upper()}_KEY": "k" * 32 for name in PROVIDERS},
    "PERMIT_HUB_CITY_HUB_DOMAIN": "PAR",
}

CELERY = ["celery", "--app=worker.app"]
USERS_OF_THE_SETTINGS = [
    [*CELERY, "worker"],
    [*CELERY, "beat"],
    ["celery", "--app=worker.flower", "flower"],
    ["ops.canary", "jobs"],
]
EASYPARK_WORKER = [*CELERY, "worker", "--queues=deliver.easypark"]


Run = Callable[[list[str], dict[str, str]], subprocess.CompletedProcess[str]]


@pytest.fixture
def run(commands: Commands) -> Run:
    """Run a module with these variables and no others."""
    return lambda command, variables: commands.run(
        command[1:], {"PATH": os.environ["PATH"], **variables}, module=command[0]
    )


@pytest.mark.parametrize("command", USERS_OF_THE_SETTINGS, ids=lambda command: command[-1])
def test_a_missing_setting_is_named(run: Run, command: list[str]) -> None:
    ended = run(command, REDIS | DATABASE)
    assert ended.returncode == 1
    assert ended.stderr.strip() == "PERMIT_HUB_HASH_KEY is missing"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PERMIT_HUB_DATABASE_URL", "mysql://hunter2@127.0.0.1/hub"),
        ("PERMIT_HUB_REDIS_URL", "amqp://hunter2@127.0.0.1"),
        ("PERMIT_HUB_HASH_KEY", "hunter2"),
        ("PERMIT_HUB_TIME_ZONE", "Mars/hunter2"),
        ("PERMIT_HUB_PROVIDERS", "hunter2"),
        ("PERMIT_HUB_PROVIDERS", '["easypark", "hunter2"]'),
        ("PERMIT_HUB_PROVIDERS", '["easypark", "easypark"]'),
        ("PERMIT_HUB_REQUEST_SECONDS", "3.6"),
        ("PERMIT_HUB_REMINDER_DAYS", '[60, "hunter2"]'),
        ("PERMIT_HUB_REMINDER_DAYS", "[7, 7]"),
        ("PERMIT_HUB_PAYMENT_REMINDER_DAYS", "[367]"),
        ("PERMIT_HUB_PERMITS_KEPT_MONTHS", "0"),
        ("PERMIT_HUB_JOBS_KEPT_MONTHS", "hunter2"),
        ("PERMIT_HUB_DISCLOSURES_KEPT_MONTHS", "11"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(run: Run, name: str, value: str) -> None:
    ended = run([*CELERY, "beat"], REDIS | DATABASE | HASH_KEY | {name: value})
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{name} is wrong: ")
    assert "hunter2" not in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"PERMIT_HUB_PROVIDERS": '["easypark", "hunter2"]'},
            f"PERMIT_HUB_PROVIDERS is wrong: only {json.dumps(list(ADAPTERS))} can be named, each once",
        ),
        ({"PERMIT_HUB_TARIFFS": "/nowhere/hunter2"}, "PERMIT_HUB_TARIFFS is wrong: No such file or directory"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else given.split(": ")[0],
)
def test_a_worker_does_not_start_without_what_it_needs(run: Run, changes: dict[str, str], message: str) -> None:
    ended = run(EASYPARK_WORKER, REDIS | DATABASE | HASH_KEY | changes)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == message  # after Celery's warning, as root
    assert "hunter2" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_worker_that_could_keep_no_decision_does_not_start(run: Run) -> None:
    consent = [*CELERY, "worker", "--queues=consent"]
    ended = run(consent, REDIS | DATABASE | HASH_KEY | {"PERMIT_HUB_JOURNAL": "/nowhere/hunter2"})
    assert ended.returncode == 1
    message = "PERMIT_HUB_JOURNAL is wrong: not a folder that this process may write to"
    assert ended.stderr.splitlines()[-1] == message
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize(
    "changes",
    [
        {"CITY_HUB_URL": None, "EASYPARK_KEY": None, "INDIGO_NEO_KEY": "hunter2"},
        {
            "CITY_HUB_LIMITS": "hunter2",
            "EASYPARK_URL": "http://easypark.example/hunter2",
            "INDIGO_NEO_AUTHORITY": "/nowhere/hunter2",
        },
    ],
    ids=",".join,
)
def test_lanes_with_wrong_provider_settings_name_them_and_start(changes: dict[str, str | None]) -> None:
    given = REDIS | DATABASE | HASH_KEY | LANES | {f"PERMIT_HUB_{name}": value for name, value in changes.items()}
    environment = {"PATH": os.environ["PATH"], **{name: value for name, value in given.items() if value is not None}}
    queues = ",".join(f"deliver.{provider}" for provider in PROVIDERS)
    command = [sys.executable, "-m", *CELERY, "worker", f"--queues={queues}"]
    with subprocess.Popen(
        command, env=environment, stdout=PIPE, stderr=STDOUT, text=True, start_new_session=True
    ) as started:
        assert started.stdout is not None
        try:
            shown = list(takewhile(lambda line: "Cannot connect" not in line, started.stdout))  # to Redis: it works
        finally:
            os.killpg(started.pid, signal.SIGKILL)
    named = [line for line in shown if "provider.unconfigured" in line]
    assert len(named) == len(changes)
    for (name, value), line in zip(changes.items(), named, strict=True):
        assert f"PERMIT_HUB_{name} is {'missing' if value is None else 'wrong'}" in line
        assert f"provider={name.rpartition('_')[0].lower()}" in line
    assert "hunter2" not in "".join(shown)


@pytest.mark.parametrize("command", ["status", "submit", "space"])
def test_commands_name_a_wrong_setting_in_one_line(run: Run, command: str, tmp_path: Path) -> None:
    jobs = tmp_path / "jobs.json"
    jobs.write_text('{"kind": "permit.cancel"}')
    argument = {"status": [], "submit": [str(jobs)], "space": ["r-1"]}[command]
    ended = run(["ops.cli", command, *argument], REDIS | DATABASE | HASH_KEY | {"PERMIT_HUB_PROVIDERS": '["hunter2"]'})
    assert ended.returncode == 1
    assert ended.stderr.startswith("PERMIT_HUB_PROVIDERS is wrong: ")
    assert len(ended.stderr.splitlines()) == 1
    assert "hunter2" not in ended.stderr


def test_migrations_name_a_missing_or_wrong_url(run: Run) -> None:
    ended = run(["worker.db.migrate"], {})
    assert ended.returncode == 1
    assert ended.stderr.startswith("PERMIT_HUB_MIGRATION_DATABASE_URL is missing or wrong")


def test_migrations_name_a_wrong_time_zone(run: Run) -> None:
    url = {"PERMIT_HUB_MIGRATION_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/hub"}
    ended = run(["worker.db.migrate"], url | {"PERMIT_HUB_TIME_ZONE": "Mars/hunter2"})
    assert ended.returncode == 1
    assert ended.stderr.strip() == "PERMIT_HUB_TIME_ZONE is wrong: not a time zone of the IANA database"


def test_the_sandbox_names_a_wrong_time_zone(run: Run, tmp_path: Path) -> None:
    ended = run(
        ["integrations.sandbox", "--folder", str(tmp_path), "--port", "0", "--tls-port", "0"],
        {"PERMIT_HUB_TIME_ZONE": "Mars/hunter2"},
    )
    assert ended.returncode == 2
    assert ended.stderr.strip() == "PERMIT_HUB_TIME_ZONE is wrong: not a time zone of the IANA database"
