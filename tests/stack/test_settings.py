"""A process whose settings are missing or wrong names them, shows no value, and exits."""

import os
import subprocess
import sys

import pytest

REDIS = {"PERMIT_HUB_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}
DATABASE = {"PERMIT_HUB_DATABASE_URL": "postgresql+psycopg://worker:hunter2@127.0.0.1:1/hub"}
HASH_KEY = {"PERMIT_HUB_HASH_KEY": "k" * 32}
LANE = {"PERMIT_HUB_EASYPARK_URL": "https://easypark.example", "PERMIT_HUB_EASYPARK_KEY": "k" * 32}

CELERY = ["celery", "--app=worker.app"]
USERS_OF_THE_SETTINGS = [[*CELERY, "worker"], [*CELERY, "beat"], [*CELERY, "flower"], ["ops.canary", "jobs"]]
EASYPARK_WORKER = [*CELERY, "worker", "--queues=deliver.easypark"]


def run(command: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", USERS_OF_THE_SETTINGS, ids=lambda command: command[-1])
def test_a_missing_setting_is_named(command):
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
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(name, value):
    ended = run([*CELERY, "beat"], REDIS | DATABASE | HASH_KEY | {name: value})
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{name} is wrong: ")
    assert "hunter2" not in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"PERMIT_HUB_EASYPARK_KEY": None}, "PERMIT_HUB_EASYPARK_KEY is missing"),
        ({"PERMIT_HUB_EASYPARK_URL": None}, "PERMIT_HUB_EASYPARK_URL is missing"),
        (
            {"PERMIT_HUB_EASYPARK_URL": "https://hunter2@easypark.example"},
            "PERMIT_HUB_EASYPARK_URL is wrong: must be http(s)://host[:port][/path]",
        ),
        (
            {"PERMIT_HUB_PROVIDERS": '["easypark", "hunter2"]'},
            'PERMIT_HUB_PROVIDERS is wrong: only ["paybyphone", "flowbird", "easypark", "indigo_neo"]'
            " can be named, each once",
        ),
        ({"PERMIT_HUB_TARIFFS": "/nowhere/hunter2"}, "PERMIT_HUB_TARIFFS is wrong: No such file or directory"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else given.split(": ")[0],
)
def test_a_lane_does_not_start_without_what_it_needs(changes, message):
    given = REDIS | DATABASE | HASH_KEY | LANE | changes
    ended = run(EASYPARK_WORKER, {name: value for name, value in given.items() if value is not None})
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == message  # after Celery's warning, as root
    assert "hunter2" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_every_fault_of_a_worker_is_named_at_once():
    ended = run([*CELERY, "worker"], REDIS | DATABASE | HASH_KEY | LANE | {"PERMIT_HUB_TARIFFS": "/"})
    assert ended.returncode == 1
    named = [line.split()[0] for line in ended.stderr.splitlines() if line.startswith("PERMIT_HUB_")]
    lanes = [f"PERMIT_HUB_{name}_URL" for name in ("FLOWBIRD", "INDIGO_NEO", "PAYBYPHONE")]
    assert named == ["PERMIT_HUB_TARIFFS", *lanes]


@pytest.mark.parametrize("command", ["status", "submit", "space"])
def test_the_command_line_says_it_in_one_line(command, tmp_path):
    jobs = tmp_path / "jobs.json"
    jobs.write_text("[]")
    argument = {"status": [], "submit": [str(jobs)], "space": ["r-1"]}[command]
    ended = run(["ops.cli", command, *argument], REDIS | DATABASE | HASH_KEY | {"PERMIT_HUB_PROVIDERS": '["hunter2"]'})
    assert ended.returncode == 1
    assert ended.stderr.startswith("PERMIT_HUB_PROVIDERS is wrong: ")
    assert len(ended.stderr.splitlines()) == 1
    assert "hunter2" not in ended.stderr


def test_migrations_name_their_url():
    ended = run(["worker.db.migrate"], {})
    assert ended.returncode == 1
    assert ended.stderr.startswith("PERMIT_HUB_MIGRATION_DATABASE_URL is missing or wrong")


def test_the_sandbox_names_its_keys():
    ended = run(["integrations.sandbox", "--port", "0"], {"PERMIT_HUB_EASYPARK_KEY": "k" * 32})
    assert ended.returncode != 0
    assert "PERMIT_HUB_PAYBYPHONE_KEY" in ended.stderr
    assert "PERMIT_HUB_EASYPARK_KEY" not in ended.stderr
