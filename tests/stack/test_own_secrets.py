"""A process of the stack gets the secrets of its own work and no others: one provider's, or the mail server's."""

from collections.abc import Iterator

import pytest

from integrations.registry import ADAPTERS
from integrations.sandbox.server import find
from ops.canary import Canary
from ops.embedded import programs

SECRETS = {
    name: {f"PERMIT_HUB_{name.upper()}_{secret.upper()}" for secret in server.secrets}
    for name, server in find().items()
}
MAIL = "PERMIT_HUB_EMAIL_PASSWORD"
JOURNAL = "PERMIT_HUB_JOURNAL"
OWNER = "PERMIT_HUB_MIGRATION_DATABASE_URL"
EVERYTHING = dict.fromkeys([MAIL, OWNER, JOURNAL, "PERMIT_HUB_HASH_KEY", "PATH", *set().union(*SECRETS.values())], "x")
EVERYTHING |= {"PERMIT_HUB_DATABASE_URL": "x", "PERMIT_HUB_LANE_DATABASE_URL": "as a lane"}
OF_ALL = {"urgent", "bulk"}


@pytest.fixture
def canary() -> Iterator[Canary]:
    canary = Canary("redis://127.0.0.1:1", "")
    yield canary
    canary.close()


def test_a_worker_gets_the_secrets_of_its_own_work_alone(canary: Canary) -> None:
    for worker in programs.workers(EVERYTHING, ADAPTERS, canary):
        given = worker.environment.keys()
        reached = {name for name, secrets in SECRETS.items() if secrets & given}
        lane = worker.name.removeprefix("deliver-")
        assert reached == (set(ADAPTERS) if worker.name in OF_ALL else {lane} & set(ADAPTERS)), worker.name
        assert (MAIL in given) == (worker.name == "remind")
        assert (JOURNAL in given) == (worker.name in {"consent", "bulk"})  # `bulk` is also the clock's
        assert OWNER not in given
        is_lane = worker.name == "urgent" or lane in ADAPTERS
        assert worker.environment["PERMIT_HUB_DATABASE_URL"] == ("as a lane" if is_lane else "x")
        assert "PERMIT_HUB_LANE_DATABASE_URL" not in given
        assert {"PERMIT_HUB_HASH_KEY", "PATH"} <= given


def test_beat_and_flower_get_none() -> None:
    for program in (programs.beat(EVERYTHING), programs.flower(EVERYTHING, 1)):
        assert program.environment.keys() == {"PERMIT_HUB_DATABASE_URL", "PERMIT_HUB_HASH_KEY", "PATH"}
