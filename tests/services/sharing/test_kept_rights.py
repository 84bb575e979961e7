"""A provider on public task that refuses a change for good keeps its right: without it, the holder is fined."""

from collections.abc import Callable, Sequence
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from integrations.base import Change
from integrations.errors import FailureCode, ProviderError, RejectedError, UnclearError
from integrations.memory import Fault, InMemory
from schemas.shared import SharedField
from schemas.space import HeldState
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.upstream import ANNE, CITY, ELSEWHERE, Upstream
from worker.db.engine import transact
from worker.db.sharing import dead_letters
from worker.db.sharing.dead_letters import Choice, DeadLetter
from worker.hub import Hub
from worker.services.sharing.dead_letters import discard, retry

REFUSED = Fault(RejectedError(CITY, FailureCode.ZONE_UNKNOWN))
UNCLEAR = Fault(UnclearError(CITY, FailureCode.CONNECTION_LOST))
SUBJECTS = "SELECT held_subject, claimed_subject FROM shares WHERE provider = %s"


@pytest.fixture
def twin(twins: dict[str, InMemory]) -> InMemory:
    return twins[CITY]


@pytest.fixture
def held(upstream: Upstream, deliver: Deliver, twin: InMemory) -> UUID:
    """Make the city hub hold a right; return its permit."""
    permit_id = upstream.active(plate={"raw": "AB-344-CD"}, zones=["14A"])
    deliver(CITY)
    assert zones(twin) == [("14A",)]
    return permit_id


@pytest.fixture
def letters(hub: Hub) -> Callable[[], list[DeadLetter]]:
    return lambda: transact(hub.engine, lambda db: dead_letters.find(db, Choice(), 10))


@pytest.fixture
def state(evidence: Evidence) -> Callable[[], HeldState]:
    return lambda: evidence.screen(ANNE).public_task[0].state


def zones(twin: InMemory) -> list[object]:
    return [copy[SharedField.ZONES] for copy in twin.held.values()]


def move(upstream: Upstream, permit_id: UUID, zone: str = "18C") -> None:
    upstream.applied("permit.change_address", permit_id=permit_id, address=ELSEWHERE, zones=[zone])


def test_a_refused_change_of_zones_leaves_the_right_in_place(
    held: UUID,
    upstream: Upstream,
    deliver: Deliver,
    twin: InMemory,
    letters: Callable[[], list[DeadLetter]],
    state: Callable[[], HeldState],
) -> None:
    move(upstream, held)
    twin.fail(REFUSED)
    deliver(CITY)
    deliver(CITY)
    assert zones(twin) == [("14A",)]
    (letter,) = letters()
    assert (letter.code, letter.kept, letter.removing) == ("zone_unknown", True, False)
    assert state() is HeldState.HELD


def test_a_refused_change_of_plate_removes_the_old_plates_right(
    held: UUID, upstream: Upstream, deliver: Deliver, twin: InMemory, letters: Callable[[], list[DeadLetter]]
) -> None:
    upstream.applied("permit.change_vehicle", permit_id=held, plate={"raw": "EF-367-QS"})
    twin.fail(REFUSED)
    deliver(CITY)
    assert not twin.held
    (letter,) = letters()
    assert not letter.kept


def test_after_a_confirmed_change_of_plate_the_new_plates_right_is_kept(
    held: UUID, upstream: Upstream, deliver: Deliver, twin: InMemory
) -> None:
    upstream.applied("permit.change_vehicle", permit_id=held, plate={"raw": "EF-367-QS"})
    deliver(CITY)
    move(upstream, held)
    twin.fail(REFUSED)
    deliver(CITY)
    assert [copy[SharedField.PLATE] for copy in twin.held.values()] == ["EF367QS"]


def test_a_first_right_that_is_refused_shows_as_refused(
    upstream: Upstream,
    deliver: Deliver,
    twin: InMemory,
    state: Callable[[], HeldState],
    letters: Callable[[], list[DeadLetter]],
) -> None:
    upstream.active()
    twin.fail(REFUSED)
    deliver(CITY)
    assert (state(), letters()[0].kept) == (HeldState.REFUSED, False)


def test_a_right_that_an_unclear_request_may_have_made_is_kept(
    upstream: Upstream, deliver: Deliver, twin: InMemory, evidence: Evidence, change_due: Callable[[], None]
) -> None:
    upstream.active()
    twin.fail(Fault(UNCLEAR.error, applied=type(UNCLEAR.applied).BEFORE))
    deliver(CITY)
    change_due()
    twin.fail(REFUSED)
    deliver(CITY)
    assert len(twin.held) == 1


def test_a_kept_right_is_removed_once_its_permit_ends(
    held: UUID, upstream: Upstream, deliver: Deliver, twin: InMemory, evidence: Evidence
) -> None:
    move(upstream, held)
    twin.fail(REFUSED)
    deliver(CITY)
    assert evidence.value("SELECT held_subject IS NOT NULL FROM shares WHERE provider = %s", CITY)
    upstream.applied("resident.erase")
    deliver(CITY)
    assert not twin.held
    assert evidence.query(SUBJECTS, CITY) == [(None, None)]


def test_a_kept_right_is_updated_by_a_retry_and_by_the_next_change(
    held: UUID, upstream: Upstream, deliver: Deliver, twin: InMemory, hub: Hub
) -> None:
    move(upstream, held)
    twin.fail(REFUSED)
    deliver(CITY)
    assert sum(discard(hub, Choice())) == 0  # a right is still held
    assert sum(retry(hub, Choice(provider=CITY, code="zone_unknown"))) == 1
    deliver(CITY)
    assert zones(twin) == [("18C",)]


def test_person_and_plate_are_stored_as_a_keyed_hash_for_the_city_hub_only(
    held: UUID, upstream: Upstream, deliver: Deliver, evidence: Evidence
) -> None:
    upstream.allow()
    deliver()
    rows = evidence.query("SELECT provider, octet_length(held_subject) FROM shares ORDER BY provider")
    assert [(provider, length) for provider, length in rows if length is not None] == [(CITY, 32)]


def test_many_refusals_with_one_code_raise_one_alarm(
    upstream: Upstream, deliver: Deliver, twin: InMemory, hub: Hub
) -> None:
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


def deliver_refusing(deliver: Deliver, twin: InMemory, answers: Sequence[ProviderError | None]) -> None:
    """Have every change of a batch refused separately."""

    class Refusing(InMemory):
        async def send_all(self, changes: Sequence[Change]) -> Sequence[ProviderError | None]:
            return answers[: len(changes)]

    twin.__class__ = Refusing
    deliver(CITY)


@pytest.fixture
def change_due(evidence: Evidence) -> Callable[[], None]:
    def change_due() -> None:
        with evidence.database.connect() as connection:
            connection.execute("UPDATE shares SET due_at = now() WHERE confirmed_version < wanted_version")

    return change_due
