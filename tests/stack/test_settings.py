"""A process whose settings are missing or wrong names them, shows no value, and exits."""

import os
import subprocess
import sys

import pytest

REDIS = {"PERMIT_HUB_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}
DATABASE = {"PERMIT_HUB_DATABASE_URL": "postgresql+psycopg://worker:hunter2@127.0.0.1:1/hub"}
HASH_KEY = {"PERMIT_HUB_HASH_KEY": "k" * 32}

CELERY = ["celery", "--app=worker.app"]
USERS_OF_THE_SETTINGS = [[*CELERY, "worker"], [*CELERY, "beat"], [*CELERY, "flower"], ["ops.canary", "jobs"]]


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
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(name, value):
    ended = run([*CELERY, "beat"], REDIS | DATABASE | HASH_KEY | {name: value})
    assert ended.returncode == 1
    assert name in ended.stderr or name.removeprefix("PERMIT_HUB_").lower() in ended.stderr
    assert "hunter2" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_migrations_name_their_url():
    ended = run(["worker.db.migrate"], {})
    assert ended.returncode == 1
    assert ended.stderr.startswith("PERMIT_HUB_MIGRATION_DATABASE_URL is missing or wrong")


def test_the_sandbox_names_its_keys():
    ended = run(["integrations.sandbox", "--port", "0"], {"PERMIT_HUB_EASYPARK_KEY": "k" * 32})
    assert ended.returncode != 0
    assert "PERMIT_HUB_PAYBYPHONE_KEY" in ended.stderr
    assert "PERMIT_HUB_EASYPARK_KEY" not in ended.stderr
