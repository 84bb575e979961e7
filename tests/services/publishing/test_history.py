"""A resident's history, from what the hub really writes."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from uuid import uuid4

import pytest

from integrations.errors import FailureCode, NotSentError, RejectedError, UnclearError
from integrations.memory import Applied, Fault, InMemory
from schemas.history import History, Holding
from schemas.space import PendingKind
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.in_redis import as_operator, read_document
from tests.services.upstream import ANNE, BOB, CITY, ELSEWHERE, EVERYONE, UNVERIFIED, Upstream, choice
from tests.support.waiting import eventually
from worker.hub import Hub
from worker.live.documents import HISTORY_SECONDS
from worker.services.publishing.history import put_history

PROVIDER = "easypark"
REFUSED = Fault(RejectedError(PROVIDER, FailureCode.PLATE_REFUSED))
UNREACHABLE = Fault(NotSentError(PROVIDER, FailureCode.NOT_CONNECTED))
GONE_QUIET = Fault(UnclearError(PROVIDER, FailureCode.CONNECTION_LOST), Applied.BEFORE)


class Read(Protocol):
    def __call__(self, resident: str = ...) -> History: ...


@pytest.fixture
def read(quick: Hub, today: date) -> Read:
    """Ask for a history and read it with GETDEL, as the client does."""

    def read(resident: str = ANNE) -> History:
        task_id = uuid4()
        version = put_history(quick, resident, task_id, today)
        document = quick.live.client.getdel(quick.live.key(f"history:{task_id}"))
        assert document is not None
        history = History.model_validate_json(document)
        assert (history.resident_id, history.version) == (resident, version)
        return history

    return read


class Held(Protocol):
    def __call__(self, provider: str = ...) -> list[Holding]: ...


@pytest.fixture
def held(read: Read) -> Held:
    """Return one provider's holdings."""

    def held(provider: str = PROVIDER) -> list[Holding]:
        (found,) = (one for one in read().recipients if one.provider == provider)
        return list(found.holdings)

    return held


@pytest.fixture
def deliver_all(deliver: Deliver, evidence: Evidence) -> Callable[[], None]:
    """Drain until every share is confirmed."""

    def pending() -> int:
        deliver()
        return int(evidence.value("SELECT count(*) FROM shares WHERE confirmed_version < wanted_version"))

    return lambda: eventually(lambda: not pending())


def test_a_history_has_all_data_of_a_permit(upstream: Upstream, read: Read, evidence: Evidence) -> None:
    permit_id = upstream.request(plate={"raw": "AB-344-CD"}, verified=UNVERIFIED)
    upstream.applied("permit.decide", permit_id=permit_id, decision="approve")
    upstream.applied("permit.confirm_payment", permit_id=permit_id, payment_reference="PAY-1", amount_cents=4500)
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "EF-367-QS", "country": "BE"})
    (permit,) = read().permits
    assert permit.permit_id == permit_id
    assert [(one.plate, one.country) for one in permit.plates] == [("AB-344-CD", "FR"), ("EF-367-QS", "BE")]
    assert [step.type.value for step in permit.steps] == [
        "permit.requested",
        "permit.approved",
        "permit.activated",
        "permit.vehicle_changed",
    ]
    assert [payment.amount_cents for payment in permit.payments] == [4500]
    assert [(term.first_day, term.last_day) for term in permit.terms] == [
        evidence.query("SELECT first_day, last_day FROM terms")[0]
    ]
    assert permit.pending is None
    moments = [one.at for one in permit.steps]
    assert moments == sorted(moments)
    assert all(abs(at - datetime.now(UTC)) < timedelta(minutes=5) for at in moments)


def test_a_history_shows_a_pending_change_with_its_price(upstream: Upstream, read: Read, today: date) -> None:
    asked, lapsed = upstream.request(verified=UNVERIFIED), upstream.lapsed(BOB)
    upstream.applied("permit.change_address", BOB, permit_id=lapsed, address=ELSEWHERE, zones=["18A"])
    (waiting,), (moving,) = read().permits, read(BOB).permits
    assert waiting.permit_id == asked
    assert waiting.pending is not None
    assert (waiting.pending.kind, waiting.pending.years, waiting.pending.price_cents) == (PendingKind.NEW_TERM, 1, 4500)
    assert (waiting.pending.pay_by, waiting.pending.address) == (None, None)
    assert moving.pending is not None
    assert (moving.pending.kind, moving.pending.address) == (PendingKind.NEW_ADDRESS, ELSEWHERE["label"])
    assert (moving.pending.price_cents, moving.pending.pay_by) == (1000, today + timedelta(days=30))


def test_a_history_lists_permits_in_the_order_of_the_screen(upstream: Upstream, read: Read, evidence: Evidence) -> None:
    for _ in range(3):
        upstream.active()
        upstream.lapsed()
    assert [one.permit_id for one in read().permits] == [one.permit_id for one in evidence.screen(ANNE).cards]


def test_a_plate_released_and_reserved_again_is_shown_once(upstream: Upstream, read: Read, evidence: Evidence) -> None:
    permit_id = upstream.lapsed(plate={"raw": "AB-344-CD"})
    upstream.applied("permit.renew", permit_id=permit_id, years=1)
    assert evidence.value("SELECT count(*) FROM plate_assignments") == 2
    assert [one.plate for one in read().permits[0].plates] == ["AB-344-CD"]


def test_a_history_shows_every_decision(upstream: Upstream, read: Read) -> None:
    upstream.allow()
    moment = datetime.fromisoformat("2024-09-16T10:42:03+02:00")
    refused = choice("refuse", ("easypark",)) | {"decided_at": moment.isoformat()}
    upstream.applied("consent.decide", **refused)
    first, second = read().decisions
    assert (first.version, first.choice.value, set(first.providers)) == (1, "allow", set(EVERYONE))
    assert (second.version, second.choice.value, second.providers) == (2, "refuse", ("easypark",))
    assert (second.text_version, second.source) == ("2024-09", "personal-space")
    assert second.decided_at == moment
    assert first.recorded_at < second.recorded_at


def test_a_history_shows_the_holdings_of_every_provider(
    upstream: Upstream, deliver_all: Callable[[], None], read: Read, hub: Hub
) -> None:
    permit_id = upstream.active(plate={"raw": "AB-344-CD"})
    upstream.allow()
    deliver_all()
    recipients = read().recipients
    assert [one.provider for one in recipients] == list(hub.capabilities)
    assert {one.provider for one in recipients if one.public_task} == {CITY}
    for one in recipients:
        (holding,) = one.holdings
        assert (holding.permit_id, holding.plate, holding.until) == (permit_id, "AB-344-CD", None)
        assert holding.consent_version == (None if one.public_task else 1)


def test_a_provider_that_was_sent_nothing_holds_nothing(
    upstream: Upstream, deliver_all: Callable[[], None], read: Read
) -> None:
    upstream.active()
    upstream.refuse()
    deliver_all()
    assert {one.provider for one in read().recipients if one.holdings} == {CITY}


def test_a_withdrawal_ends_a_holding_and_another_allowance_begins_one(
    upstream: Upstream, deliver_all: Callable[[], None], held: Held
) -> None:
    upstream.active()
    upstream.allow()
    deliver_all()
    upstream.refuse()
    deliver_all()
    (first,) = held()
    assert first.until is not None
    upstream.allow(seen=2)
    deliver_all()
    again = held()
    assert again[0] == first
    assert (again[1].until, again[1].consent_version) == (None, 3)
    assert first.until <= again[1].since


def test_a_change_of_vehicle_ends_a_holding_and_begins_the_next(
    upstream: Upstream, deliver_all: Callable[[], None], held: Held
) -> None:
    permit_id = upstream.active(plate={"raw": "AB-344-CD"})
    upstream.allow()
    deliver_all()
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "EF-367-QS"})
    deliver_all()
    first, second = held()
    assert (first.plate, second.plate, second.until) == ("AB-344-CD", "EF-367-QS", None)
    assert first.until is not None
    assert second.since < first.until  # in between, the provider may have held either
    assert (len(held(CITY)), held(CITY)[0].until is None) == (2, False)


def test_a_change_of_address_extends_the_holding(
    upstream: Upstream, deliver_all: Callable[[], None], held: Held
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    deliver_all()
    (before,) = held()
    upstream.applied("permit.change_address", permit_id=permit_id, address=ELSEWHERE, zones=["18A"])
    deliver_all()
    assert held() == [before]


def test_data_that_was_never_sent_is_not_held(
    upstream: Upstream,
    deliver: Deliver,
    deliver_all: Callable[[], None],
    twins: dict[str, InMemory],
    held: Held,
) -> None:
    upstream.active()
    upstream.allow()
    twins[PROVIDER].fail(UNREACHABLE)
    deliver(PROVIDER)
    assert held() == []
    upstream.refuse()
    deliver_all()
    assert held() == []


def test_data_that_may_have_arrived_is_held_until_its_removal_is_confirmed(
    upstream: Upstream,
    deliver: Deliver,
    deliver_all: Callable[[], None],
    twins: dict[str, InMemory],
    held: Held,
) -> None:
    upstream.active()
    upstream.allow()
    twins[PROVIDER].fail(GONE_QUIET)
    deliver(PROVIDER)
    upstream.refuse()
    twins[PROVIDER].fail(GONE_QUIET)
    deliver(PROVIDER)
    (unclear,) = held()
    assert unclear.until is None
    deliver_all()
    (ended,) = held()
    assert (ended.since, ended.until is None) == (unclear.since, False)


def test_a_share_refused_for_good_is_held_at_most_until_its_removal(
    upstream: Upstream, deliver_all: Callable[[], None], twins: dict[str, InMemory], held: Held
) -> None:
    upstream.active()
    upstream.allow()
    twins[PROVIDER].fail(REFUSED)
    deliver_all()
    (holding,) = held()
    assert holding.until is not None
    assert twins[PROVIDER].held == {}


def test_when_a_second_plate_is_refused_the_first_is_held_until_its_removal(
    upstream: Upstream, deliver_all: Callable[[], None], twins: dict[str, InMemory], held: Held
) -> None:
    permit_id = upstream.active(plate={"raw": "AB-344-CD"})
    upstream.allow()
    deliver_all()
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "EF-367-QS"})
    twins[PROVIDER].fail(REFUSED)
    deliver_all()
    first, second = held()
    assert (first.plate, second.plate) == ("AB-344-CD", "EF-367-QS")
    assert first.until == second.until
    assert first.until is not None


def test_a_provider_that_has_left_the_settings_is_still_a_recipient(
    upstream: Upstream, deliver_all: Callable[[], None], hub: Hub, today: date
) -> None:
    upstream.active()
    upstream.allow()
    deliver_all()
    known = {name: one for name, one in hub.capabilities.items() if name not in (PROVIDER, CITY)}
    put_history(replace(hub, capabilities=known), ANNE, task_id := uuid4(), today)
    history = History.model_validate_json(read_document(hub, f"history:{task_id}"))
    assert [one.provider for one in history.recipients] == [*known, CITY, PROVIDER]
    assert [(one.public_task, len(one.holdings)) for one in history.recipients[-2:]] == [(True, 1), (False, 1)]


def test_an_erased_residents_history_names_holders_and_no_personal_data(
    upstream: Upstream, deliver_all: Callable[[], None], read: Read, hub: Hub
) -> None:
    permit_id = upstream.active(plate={"raw": "AB-344-CD"})
    upstream.allow()
    upstream.applied("resident.update_contact", name="Élodie Exemple", email="elodie@example.fr", language="fr")
    deliver_all()
    upstream.applied("resident.erase")
    deliver_all()
    history = read()
    assert history.permits == ()
    assert [one.choice.value for one in history.decisions] == ["allow", "refuse"]
    for one in history.recipients:
        (holding,) = one.holdings
        assert (holding.permit_id, holding.plate) == (permit_id, None)
        assert holding.until is not None
    words = history.model_dump_json()
    assert not any(word in words for word in ("AB-344-CD", "AB344CD", "Exemple", "elodie", "75014"))


def test_a_history_is_kept_for_half_a_minute_under_its_task_id(upstream: Upstream, hub: Hub, today: date) -> None:
    upstream.active()
    task_id = uuid4()
    put_history(hub, ANNE, task_id, today)
    assert 0 < as_operator(hub).ttl(hub.live.key(f"history:{task_id}")) <= HISTORY_SECONDS
    assert json.loads(read_document(hub, f"history:{task_id}"))["resident_id"] == ANNE


def test_an_unknown_resident_has_no_history(hub: Hub, today: date) -> None:
    assert put_history(hub, "r-nobody", uuid4(), today) is None
    assert list(hub.live.client.scan_iter(hub.live.key("history:*"), count=10_000)) == []


def test_a_history_has_no_data_of_another_resident(
    upstream: Upstream, deliver_all: Callable[[], None], read: Read
) -> None:
    upstream.active(BOB)
    upstream.allow(BOB)
    upstream.allow()
    deliver_all()
    history = read()
    assert history.permits == ()
    assert [one.holdings for one in history.recipients if one.holdings] == []
    assert len(history.decisions) == 1
