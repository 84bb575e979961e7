"""Celery knows every setting of celeryconfig: it would ignore a misspelt one silently."""

import json
import subprocess
import sys
from typing import Any

import pytest
from celery.app.defaults import NAMESPACES, SETTING_KEYS
from kombu.transport.redis import Channel

from integrations.registry import ADAPTERS
from schemas.asyncapi_messages import ASKED
from schemas.jobs import KINDS
from tests.guard.harness import Worker
from worker.services.sharing.draining import DRAIN_SECONDS
from worker.settings import LONGEST_REQUEST

SECONDS_TO_RECORD = 1.0

READ = """
import json, celeryconfig
from worker.app import app
names = {name: value for name, value in vars(celeryconfig).items() if name.islower() and not name.startswith("_")}
imported = {"crontab", "lane_queue", "settings"}
print(json.dumps({
    "names": sorted(set(names) - imported),
    "broker": celeryconfig.broker_transport_options,
    "results": celeryconfig.result_backend_transport_options,
    "queues": {each.name: [each.exchange.name, each.exchange.type, each.routing_key] for each in app.conf.task_queues},
    "routes": {kind: app.amqp.router.route({}, kind)["queue"].name for kind in %r},
    "sweep": [celeryconfig.beat_schedule["calendar.sweep"], app.amqp.router.route({}, "calendar.sweep")["queue"].name],
    "soft_limit": app.conf.task_soft_time_limit,
    "limits": [app.conf.task_time_limit, app.conf.worker_prefetch_multiplier],
}))
"""


@pytest.fixture(scope="module")
def config(worker: Worker) -> dict[str, Any]:
    command = [sys.executable, "-c", READ % sorted(KINDS.keys() | ASKED.keys())]
    done = subprocess.run(command, env=worker.environment, check=True, capture_output=True, timeout=60)
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def test_celery_knows_every_setting(config: dict[str, Any]) -> None:
    assert NAMESPACES["worker"]["consumer"]  # the names are read from the right place
    assert [name for name in config["names"] if name not in SETTING_KEYS] == []


def test_kombu_knows_every_transport_option(config: dict[str, Any]) -> None:
    assert [name for name in config["broker"] if name not in Channel.from_transport_options] == []
    assert config["results"].keys() <= {"global_keyprefix", "visibility_timeout", "retry_policy"}


def test_settings_that_depend_on_each_other_agree(config: dict[str, Any]) -> None:
    for option in ("visibility_timeout", "global_keyprefix"):
        assert config["broker"][option] == config["results"][option]
    time_limit, reserved = config["limits"]
    assert time_limit * (reserved + 1) <= config["broker"]["visibility_timeout"]


def test_a_drain_ends_within_its_soft_time_limit(config: dict[str, Any]) -> None:
    assert config["soft_limit"] >= DRAIN_SECONDS + LONGEST_REQUEST + SECONDS_TO_RECORD


def test_queues_are_lists_on_the_default_exchange(config: dict[str, Any]) -> None:
    names = {
        "consent",
        "urgent",
        "jobs",
        "bulk",
        "calendar",
        "remind",
        "upkeep",
        *(f"deliver.{name}" for name in ADAPTERS),
    }
    assert config["queues"] == {name: ["", "direct", name] for name in names}


def test_every_kind_has_its_queue(config: dict[str, Any]) -> None:
    assert config["routes"]["consent.decide"] == config["routes"]["resident.erase"] == "consent"
    assert config["routes"]["permit.import"] == "bulk"
    assert config["routes"]["permit.cancel"] == "jobs"
    assert {config["routes"][task] for task in ASKED} == {"jobs"}


def test_sweep_ticks_expire_before_the_next(config: dict[str, Any]) -> None:
    entry, queue = config["sweep"]
    assert entry["schedule"] == entry["options"]["expires"] == 2.0
    assert queue == "calendar"
