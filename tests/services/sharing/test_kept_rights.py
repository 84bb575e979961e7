"""A provider on public task that refuses a change for good keeps its right: without it, the holder is fined."""

import pytest
from structlog.testing import capture_logs

from integrations.errors import FailureCode, RejectedError, UnclearError
from integrations.memory import Fault
from schemas.shared import SharedField
from schemas.space import HeldState
from tests.services.upstream import ANNE, CITY, ELSEWHERE
from worker.db.engine import transact
from worker.db.sharing import dead_letters
from worker.db.sharing.dead_letters import Choice
from worker.services.sharing.dead_letters import discard, retry

REFUSED = Fault(RejectedError(CITY, FailureCode.ZONE_UNKNOWN))
UNCLEAR = Fault(UnclearError(CITY, FailureCode.CONNECTION_LOST))
SUBJECTS = "SELECT held_subject, claimed_subject FROM shares WHERE provider = %s"


@pytest.fixture
def twin(twins):
    return twins[CITY]


@pytest.fixture
def held(upstream, deliver, twin):
    """Make the city hub hold a right; return its permit."""
    permit_id = upstream.active(plate={"raw": "AB-344-CD"}, zones=["14A"])
    deliver(CITY)
    assert zones(twin) == [("14A",)]
    return permit_id


@pytest.fixture
def letters(hub):
    return lambda: transact(hub.engine, lambda db: dead_letters.find(db, Choice(), 10))


@pytest.fixture
def state(evidence):
    return lambda: evidence.screen(ANNE).public_task[0].state


def zones(twin) -> list[object]:
    return [copy[SharedField.ZONES] for copy in twin.held.values()]


def move(upstream, permit_id, zone="18C") -> None:
    upstream.applied("permit.change_address", permit_id=permit_id, address=ELSEWHERE, zones=[zone])


def test_a_refused_change_of_zones_leaves_the_right_in_place(held, upstream, deliver, twin, letters, state):
    move(upstream, held)
    twin.fail(REFUSED)
    deliver(CITY)
    deliver(CITY)
    assert zones(twin) == [("14A",)]
    (letter,) = letters()
    assert (letter.code, letter.kept, letter.removing) == ("zone_unknown", True, False)
    assert state() is HeldState.HELD


def test_a_refused_change_of_plate_removes_the_old_plates_right(held, upstream, deliver, twin, letters):
    upstream.applied("permit.change_vehicle", permit_id=held, plate={"raw": "EF-367-QS"})
    twin.fail(REFUSED)
    deliver(CITY)
    assert not twin.held
    (letter,) = letters()
    assert not letter.kept


def test_after_a_confirmed_change_of_plate_the_new_plates_right_is_kept(held, upstream, deliver, twin):
    upstream.applied("permit.change_vehicle", permit_id=held, plate={"raw": "EF-367-QS"})
    deliver(CITY)
    move(upstream, held)
    twin.fail(REFUSED)
    deliver(CITY)
    assert [copy[SharedField.PLATE] for copy in twin.held.values()] == ["EF367QS"]


def test_a_first_right_that_is_refused_shows_as_refused(upstream, deliver, twin, state, letters):
    upstream.active()
    twin.fail(REFUSED)
    deliver(CITY)
    assert (state(), letters()[0].kept) == (HeldState.REFUSED, False)


def test_a_right_that_an_unclear_request_may_have_made_is_kept(upstream, deliver, twin, evidence, change_due):
    upstream.active()
    twin.fail(Fault(UNCLEAR.error, applied=type(UNCLEAR.applied).BEFORE))
    deliver(CITY)
    change_due()
    twin.fail(REFUSED)
    deliver(CITY)
    assert len(twin.held) == 1


def test_a_kept_right_is_removed_once_its_permit_ends(held, upstream, deliver, twin, evidence):
    move(upstream, held)
    twin.fail(REFUSED)
    deliver(CITY)
    assert evidence.value("SELECT held_subject IS NOT NULL FROM shares WHERE provider = %s", CITY)
    upstream.applied("resident.erase")
    deliver(CITY)
    assert not twin.held
    assert evidence.query(SUBJECTS, CITY) == [(None, None)]


def test_a_kept_right_is_updated_by_a_retry_and_by_the_next_change(held, upstream, deliver, twin, hub):
    move(upstream, held)
    twin.fail(REFUSED)
    deliver(CITY)
    assert sum(discard(hub, Choice())) == 0  # a right is still held
    assert sum(retry(hub, Choice(provider=CITY, code="zone_unknown"))) == 1
    deliver(CITY)
    assert zones(twin) == [("18C",)]


def test_person_and_plate_are_stored_as_a_keyed_hash_for_the_city_hub_only(held, upstream, deliver, evidence):
    upstream.allow()
    deliver()
    rows = evidence.query("SELECT provider, octet_length(held_subject) FROM shares ORDER BY provider")
    assert [(provider, length) for provider, length in rows if length is not None] == [(CITY, 32)]


def test_many_refusals_with_one_code_raise_one_alarm(upstream, deliver, twin, hub):
    upstream.take_over(*(upstream.row() for _ in range(30)))
    twin.capabilities = hub.capabilities[CITY]
    answers = [REFUSED.error] * 30
    with capture_logs() as logs:
        deliver_refusing(deliver, twin, answers)
    alarms = [entry for entry in logs if entry["log_level"] in ("warning", "error")]
    assert [(one["event"], one["code"]) for one in alarms] == [("provider.refuses", "zone_unknown")]
    groups = transact(hub.engine, lambda db: dead_letters.groups(db, Choice()))
    assert [(one.provider, one.code, one.count) for one in groups] == [(CITY, "zone_unknown", 30)]
    assert sum(retry(hub, Choice(provider=CITY, code="zone_unknown"))) == 30


def deliver_refusing(deliver, twin, answers) -> None:
    """Have every change of a batch refused separately."""

    async def send_all(changes):
        return answers[: len(changes)]

    twin.send_all = send_all
    deliver(CITY)


@pytest.fixture
def change_due(evidence):
    def change_due() -> None:
        with evidence.database.connect() as connection:
            connection.execute("UPDATE shares SET due_at = now() WHERE confirmed_version < wanted_version")

    return change_due
