"""What is stuck, in `permit-hub status`."""

import json

import pytest

from ops.shown.status import STUCK
from tests.conftest import Database
from tests.support.city import City, PermitHub
from worker.db.clock.stuck import Kind

PARKED = """
    INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, holds, urgency, due_at, claimed_version,
        failures, failing_since, failed_at, parked)
    VALUES (gen_random_uuid(), 'easypark', 1, 1, false, 1, now(), 1, 0, now() - interval '50 hours', now(),
        'plate_refused')
"""


@pytest.fixture
def dead_letter(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(PARKED)


def test_status_has_kind_number_and_age_of_what_is_stuck(
    permit_hub: PermitHub, hub_environment: dict[str, str], dead_letter: None
) -> None:
    (told,) = json.loads(permit_hub("status", "--json", "--wait", "0.2", **hub_environment).stdout)["stuck"]
    assert told.pop("oldest_seconds") == pytest.approx(50 * 3_600, abs=60)
    assert told == {"kind": "dead_letters", "provider": "easypark", "count": 1, "more": False}


def test_status_shows_what_is_stuck_in_red(
    permit_hub: PermitHub, hub_environment: dict[str, str], dead_letter: None
) -> None:
    shown = permit_hub("status", "--wait", "0.2", **hub_environment, FORCE_COLOR="1", NO_COLOR="").stdout
    (line,) = [line for line in shown.splitlines() if "dead letters for a day" in line]
    assert "\x1b[31m" in line
    assert "easypark" in line
    assert "2 d" in line


def test_status_says_that_nothing_is_stuck(city: City) -> None:
    assert "nothing is stuck" in city.prints("status", "--wait", "30")


def test_without_workers_status_does_not_say_that_nothing_is_stuck(
    permit_hub: PermitHub, hub_environment: dict[str, str]
) -> None:
    ended = permit_hub("status", "--wait", "0.2", **hub_environment)
    assert ended.returncode == 1
    assert "nothing is stuck" not in ended.stdout


def test_every_kind_of_stuck_has_words() -> None:
    assert STUCK.keys() == set(Kind)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("NULL", "append-only file rewritten: not yet"),
        ("'refused'", "append-only file not rewritten: Redis refuses BGREWRITEAOF"),
        ("'failed'", "append-only file not rewritten: Redis failed to"),
    ],
    ids=["none", "refused", "failed"],
)
def test_status_says_why_the_append_only_file_was_not_rewritten(
    permit_hub: PermitHub, hub_environment: dict[str, str], database: Database, problem: str, words: str
) -> None:
    with database.connect() as connection:
        connection.execute(f"UPDATE file_rewrite SET problem = {problem}")
    assert words in permit_hub("status", "--wait", "0.2", **hub_environment).stdout
