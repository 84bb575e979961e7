"""Providers with missing or wrong settings at the start: they are named and shown, and the others run."""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from ops.canary import Canary
from ops.embedded import programs
from ops.embedded.children.program import Program
from ops.embedded.children.supervise import Supervisor
from ops.embedded.servers import Servers
from tests.conftest import Sandbox, own_database
from tests.support.city import City, PermitHub
from tests.support.waiting import eventually

KEYLESS, UNCERTIFIED, RIGHT = "easypark", "flowbird", "indigo_neo"
KEY, CERTIFICATE = "PERMIT_HUB_EASYPARK_KEY", "PERMIT_HUB_FLOWBIRD_CERTIFICATE"
NO_KEY = f"{KEY} is missing"
NO_CERTIFICATE = f"{CERTIFICATE} is wrong: must be a readable PEM file of a certificate and its key, without a password"
LANES = {name: f"deliver-{name}" for name in (KEYLESS, UNCERTIFIED, RIGHT)}


@dataclass
class Installation:
    """The workers of a hub, and a resident who allows all its providers."""

    city: City
    logs: Path
    environment: Mapping[str, str] = field(repr=False)
    certificate: Path

    def __post_init__(self) -> None:
        self._keyless = Supervisor(self.logs)
        self._others = Supervisor(self.logs)

    def start(self) -> None:
        """Start with one provider's setting missing, and another's wrong."""
        wrong = {name: value for name, value in self.environment.items() if name != KEY}
        workers = self._workers(wrong)
        self._keyless.launch(workers.pop(LANES[KEYLESS]))
        self._others.start(*workers.values(), programs.beat(wrong))
        self._keyless.wait_until_ready()

    def start_again(self) -> None:
        """Start the lane with the missing setting again, now with it."""
        self._keyless.stop()
        self._keyless = Supervisor(self.logs)
        self._keyless.start(self._workers(self.environment)[LANES[KEYLESS]])

    def stop(self) -> None:
        """End all of them."""
        with ThreadPoolExecutor() as both:
            list(both.map(Supervisor.stop, (self._keyless, self._others)))

    def named(self, lane: str) -> list[str]:
        """Return the lines of a lane's log about its settings."""
        lines = (self.logs / f"{LANES[lane]}.log").read_text().splitlines()
        return [line for line in lines if "provider.unconfigured" in line]

    def _workers(self, environment: Mapping[str, str]) -> dict[str, Program]:
        canary = Canary(environment["PERMIT_HUB_REDIS_URL"], environment["PERMIT_HUB_REDIS_PREFIX"])
        workers = {worker.name: worker for worker in programs.workers(environment, LANES, canary)}
        of_all = "--queues=consent,urgent,jobs,remind,bulk,"  # one worker for what is not a lane
        command = tuple(word.replace("--queues=bulk,", of_all) for word in workers["bulk"].command)
        lanes = {name: workers[name] for name in LANES.values()}
        return lanes | {"bulk": replace(workers["bulk"], command=command)}


pytestmark = pytest.mark.in_order


@pytest.fixture(scope="module")
def installation(
    servers: Servers,
    migrated_template: str,
    running_sandbox: Sandbox,
    permit_hub: PermitHub,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    running_sandbox.control.reset()
    logs = tmp_path_factory.mktemp("logs")
    with own_database(servers.postgres, migrated_template) as database:
        hub = {
            "PERMIT_HUB_DATABASE_URL": database.worker_url,
            "PERMIT_HUB_REDIS_PREFIX": f"test-{uuid4().hex[:12]}:",
            "PERMIT_HUB_PROVIDERS": json.dumps(list(LANES)),
            CERTIFICATE: str(logs / "certificate.pem"),  # not there yet
        }
        environment = servers.environment | running_sandbox.environment | hub
        city = City(logs, environment, servers.valkey, running_sandbox.control, partial(permit_hub, **environment))
        made = Installation(city, logs, os.environ | environment, logs / "certificate.pem")
        try:
            made.start()
            city.allow(city.resident(), *LANES)
            yield made
        finally:
            made.stop()


def test_an_unconfigured_provider_is_named_and_waits_while_the_others_run(installation: Installation) -> None:
    city = installation.city
    eventually(lambda: city.plates(RIGHT), "the other to hold it")
    assert NO_KEY in installation.named(KEYLESS)[0]
    assert NO_CERTIFICATE in installation.named(UNCERTIFIED)[0]

    status = city.tells("status", "--wait", "20")  # with exit code 0: a worker of each lane answers
    assert all(queue["served"] for queue in status["queues"])
    lanes = {one["provider"]: (one["unconfigured"], one["consent"]) for one in status["providers"]}
    assert lanes == {KEYLESS: (NO_KEY, 1), UNCERTIFIED: (NO_CERTIFICATE, 1), RIGHT: (None, 0)}
    assert re.search(rf"^{KEYLESS} .* {KEY} ", city.prints("status", "--wait", "20"), re.MULTILINE)
    assert city.plates(KEYLESS) == city.plates(UNCERTIFIED) == set()


def test_reconcile_says_why_a_provider_is_not_configured(installation: Installation) -> None:
    ended = installation.city.permit_hub("reconcile", KEYLESS)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"{KEYLESS} is not configured: {NO_KEY}.\n"


def test_a_settings_file_that_comes_later_needs_no_restart(
    installation: Installation, running_sandbox: Sandbox
) -> None:
    city = installation.city
    eventually(lambda: len(installation.named(UNCERTIFIED)), "a wake-up in vain, after the start", equals=2)
    shutil.copy(running_sandbox.access.client_certificate, installation.certificate)
    eventually(lambda: city.plates(UNCERTIFIED), "its shares to be delivered")
    eventually(lambda: city.told(UNCERTIFIED), "the events", equals=["provider.unconfigured", "provider.configured"])
    assert len(installation.named(UNCERTIFIED)) == 2  # however often it was woken


def test_after_a_restart_with_the_right_setting_the_provider_gets_everything(installation: Installation) -> None:
    city = installation.city
    installation.start_again()
    eventually(lambda: city.plates(KEYLESS), "its shares to be delivered")
    status = city.status(KEYLESS)
    assert (status["unconfigured"], status["consent"]) == (None, 0)
    eventually(lambda: city.told(KEYLESS), "the events", equals=["provider.unconfigured", "provider.configured"])
