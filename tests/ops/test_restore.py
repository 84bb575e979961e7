"""`permit-hub restore`, as an operator types it; `make drill-restore` plays the whole, in a minute."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from ops.demo import account
from ops.embedded.postgres import DATABASE
from tests.support.city import City
from tests.support.waiting import eventually

HELD = "UPDATE hub_state SET restored_at = now(), restored_sign = 'redis_is_ahead', replayed_at = NULL"


@pytest.fixture
def database(city: City) -> Iterator[psycopg.Connection]:
    url = city.environment["PERMIT_HUB_MIGRATION_DATABASE_URL"].replace("+psycopg", "")
    assert DATABASE in url
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
        connection.execute("UPDATE hub_state SET restored_at = NULL, restored_sign = NULL, replayed_at = NULL")


def test_a_current_database_has_nothing_to_replay_or_release(city: City) -> None:
    resident = city.resident()
    city.allow(resident)
    before = city.tells("restore", "check")
    assert before["is_current"]
    assert before["hub"]["restored_at"] is None
    assert before["not_journaled"] == 0
    assert before["journal"]["decisions"] >= 1
    assert before["journal"]["unknown"] == {}
    assert city.tells("restore", "replay")["unknown"] == {}
    assert "the database is current" in city.prints("restore", "check")


def test_nothing_is_released_before_a_replay(city: City, database: psycopg.Connection) -> None:
    database.execute(HELD)
    refused = city.permit_hub("restore", "release", "--data", city.folder)
    assert refused.returncode == 1
    assert "The journal is not replayed" in refused.stderr
    status = city.tells("status")
    assert not status["is_current"]
    assert "nothing is sent on the strength of a consent" in " ".join(city.prints("status").split())
    city.tells("restore", "replay")
    released = city.permit_hub("restore", "release", "--data", city.folder)
    assert (released.returncode, "Released." in released.stderr) == (0, True)
    assert city.tells("restore", "check")["is_current"]


def test_a_release_without_a_replay_has_to_be_asked_for(city: City, database: psycopg.Connection) -> None:
    database.execute(HELD)
    assert city.permit_hub("restore", "release", "--without-replay", "--data", city.folder).returncode == 0
    assert city.tells("restore", "check")["is_current"]
    nothing = city.permit_hub("restore", "release", "--data", city.folder)
    assert (nothing.returncode, "Nothing is withheld." in nothing.stderr) == (0, True)


def test_withheld_shares_are_counted_and_go_out_after_the_release(city: City, database: psycopg.Connection) -> None:
    database.execute(HELD)
    resident = city.resident()
    version = city.space(resident.resident_id)["consent"]["version"]
    text = account.consent("allow")["text"]
    decided = {"choice": "allow", "providers": ["easypark"], "text": text, "decided_at": datetime.now(UTC)}
    city.applied("consent.decide", resident, **decided, consent_version=version)

    def withheld() -> int:
        return sum(one["withheld"] for one in city.tells("status")["providers"])

    eventually(withheld, equals=1)
    city.permit_hub("restore", "release", "--without-replay", "--data", city.folder)
    eventually(lambda: city.confirmed(resident, "easypark"), equals=True)
