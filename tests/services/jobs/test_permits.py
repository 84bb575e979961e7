"""Every kind of job about a permit: receipt, card, event, ledger rows, wanted shares and wake-ups."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from schemas.events import EventType
from schemas.receipts import Outcome, RefusalCode
from schemas.space import Action, ActionName, CardStatus
from tests.services.evidence import Evidence
from tests.services.upstream import ADDRESS, ANNE, BOB, CITY, ELSEWHERE, EVERYONE, UNVERIFIED, Upstream
from worker.domain.terms import add_months
from worker.hub import Hub
from worker.live.wake_ups import URGENT
from worker.services.publishing.publish import republish

PERMIT = UUID(int=1)
DETAILS = Action(name=ActionName.DETAILS)


@pytest.fixture(autouse=True)
def _space_and_stream_match_the_database(request: pytest.FixtureRequest, evidence: Evidence) -> Iterator[None]:
    """After each of these tests, space and stream are as the database would publish them now."""
    yield
    for (name,) in evidence.query("SELECT resident_id FROM residents"):
        shown = evidence.find_space(name)
        assert [event.sequence for event in evidence.told(name)] == list(range(1, len(evidence.told(name)) + 1))
        assert [(event.sequence, event.type) for event in evidence.told(name)] == evidence.written(name)
        if shown is not None:
            republish(evidence.hub, [name], shown.as_of)
            assert evidence.space(name) == shown


def test_verifications_are_kept_with_the_permit_until_its_resident_is_erased(
    upstream: Upstream, evidence: Evidence
) -> None:
    asked, row = upstream.request(verified=UNVERIFIED), upstream.row()
    upstream.take_over(row)
    kept = "SELECT verified FROM permits WHERE permit_id = %s"
    assert evidence.value(kept, asked) == UNVERIFIED
    assert evidence.value(kept, row["permit_id"]) is None
    upstream.applied("permit.decide", permit_id=asked, decision="approve")
    assert evidence.value(kept, asked) == UNVERIFIED
    upstream.applied("resident.erase")
    assert evidence.value(kept, asked) is None


def test_a_verified_request_waits_for_its_payment(
    upstream: Upstream, evidence: Evidence, wake_ups: list[str], today: date
) -> None:
    receipt = upstream.applied("permit.request", **(wish := upstream.wish(PERMIT)))
    card = evidence.card(ANNE, PERMIT)
    assert (receipt.outcome, receipt.version) == (Outcome.APPLIED, 1)
    assert (card.status, card.plate, card.country) == (CardStatus.AWAITING_PAYMENT, wish["plate"]["raw"], "FR")
    assert (card.requested_on, card.valid_from, card.valid_until) == (today, None, None)
    assert (card.address, card.zones, card.profile) == (ADDRESS["label"], ("14A", "14B"), "standard")
    assert card.actions == (
        Action(name=ActionName.PAY, price_cents=4500),
        Action(name=ActionName.CANCEL),
        DETAILS,
    )
    assert _types(evidence) == [EventType.PERMIT_APPROVED]
    assert evidence.told()[0].data.permit_ids == (PERMIT,)
    assert evidence.told()[0].data.job_id == receipt.job_id
    assert evidence.job(receipt.job_id)["outcome"] == "applied"
    assert wake_ups == []


def test_an_unverified_request_is_decided_by_an_agent(upstream: Upstream, evidence: Evidence) -> None:
    kept, lost = (upstream.request(verified=UNVERIFIED) for _ in range(2))
    assert evidence.card(ANNE, kept).status is CardStatus.SUBMITTED
    assert upstream.applied("permit.decide", permit_id=kept, decision="approve").version == 3
    upstream.applied("permit.decide", permit_id=lost, decision="reject", reason="Illisible.")
    assert evidence.card(ANNE, kept).status is CardStatus.AWAITING_PAYMENT
    assert (evidence.card(ANNE, lost).status, evidence.card(ANNE, lost).reason) == (CardStatus.REJECTED, "Illisible.")
    assert _types(evidence) == [
        EventType.PERMIT_REQUESTED,
        EventType.PERMIT_REQUESTED,
        EventType.PERMIT_APPROVED,
        EventType.PERMIT_REJECTED,
    ]


def test_a_payment_activates_for_a_year(upstream: Upstream, evidence: Evidence, today: date) -> None:
    permit_id = upstream.request()
    receipt = upstream.applied(
        "permit.confirm_payment", permit_id=permit_id, payment_reference="PAY-1", amount_cents=4500
    )
    card = evidence.card(ANNE, permit_id)
    assert card.status is CardStatus.ACTIVE
    assert (card.valid_from, card.valid_until) == (today, add_months(today, 12))
    assert card.actions == (
        Action(name=ActionName.CHANGE_VEHICLE),
        Action(name=ActionName.CHANGE_ADDRESS, price_cents=0),
        DETAILS,
    )
    assert evidence.query("SELECT permit_id, amount_cents FROM payments WHERE payment_reference = 'PAY-1'") == [
        (permit_id, 4500)
    ]
    assert (receipt.version, _types(evidence)[-1]) == (2, EventType.PERMIT_ACTIVATED)


def test_a_free_request_is_active_at_once(upstream: Upstream, evidence: Evidence) -> None:
    assert evidence.card(ANNE, upstream.active()).status is CardStatus.ACTIVE
    assert _types(evidence) == [EventType.PERMIT_ACTIVATED]


def test_a_renewal_is_added_once_it_is_paid(upstream: Upstream, evidence: Evidence, today: date) -> None:
    first_day, last_day = today - timedelta(days=300), today + timedelta(days=30)
    permit_id = upstream.lapsed(terms=[{"first_day": str(first_day), "last_day": str(last_day)}])
    upstream.applied("permit.renew", permit_id=permit_id, years=3)
    asked = evidence.card(ANNE, permit_id)
    assert asked.valid_until == last_day
    assert asked.actions[0] == Action(name=ActionName.PAY, price_cents=9000)
    upstream.applied("permit.confirm_payment", permit_id=permit_id, payment_reference="PAY-1", amount_cents=9000)
    card = evidence.card(ANNE, permit_id)
    assert (card.valid_from, card.valid_until) == (first_day, add_months(last_day, 36))
    assert _types(evidence) == [
        EventType.PERMIT_IMPORTED,
        EventType.PERMIT_RENEWAL_REQUESTED,
        EventType.PERMIT_RENEWED,
    ]


def test_a_renewal_after_a_lapse_starts_on_the_day_of_payment(
    upstream: Upstream, evidence: Evidence, today: date
) -> None:
    permit_id = upstream.lapsed()
    upstream.applied("permit.renew", permit_id=permit_id, years=1)
    upstream.applied("permit.confirm_payment", permit_id=permit_id, payment_reference="PAY-1", amount_cents=4500)
    assert evidence.card(ANNE, permit_id).valid_from == today


def test_a_change_of_vehicle_frees_the_old_plate_at_once(upstream: Upstream, evidence: Evidence) -> None:
    permit_id = upstream.active(plate={"raw": "AA-111-AA"})
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "BB-222-BB"})
    assert evidence.card(ANNE, permit_id).plate == "BB-222-BB"
    assert _types(evidence)[-1] is EventType.PERMIT_VEHICLE_CHANGED
    upstream.active(BOB, plate={"raw": "AA-111-AA"})
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "CC-333-CC"})


def test_a_vehicle_can_be_replaced_and_return(upstream: Upstream, evidence: Evidence) -> None:
    permit_id = upstream.active(plate={"raw": "AA-111-AA"})
    for spelling, shown in (("bb 222 bb", "BB-222-BB"), ("AA-111-AA", "AA-111-AA")):
        upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": spelling})
        assert evidence.card(ANNE, permit_id).plate == shown


def test_a_change_of_address_is_free_outside_of_the_renewal_window(upstream: Upstream, evidence: Evidence) -> None:
    permit_id = upstream.active()
    upstream.applied("permit.change_address", permit_id=permit_id, address=ELSEWHERE, zones=["18C"])
    card = evidence.card(ANNE, permit_id)
    assert (card.address, card.zones) == (ELSEWHERE["label"], ("18C",))
    assert _types(evidence)[-1] is EventType.PERMIT_ADDRESS_CHANGED


def test_a_change_of_address_with_a_price_waits_for_its_payment(upstream: Upstream, evidence: Evidence) -> None:
    permit_id = upstream.lapsed()
    upstream.applied("permit.change_address", permit_id=permit_id, address=ELSEWHERE, zones=["18C"])
    assert evidence.card(ANNE, permit_id).address == ADDRESS["label"]
    assert evidence.card(ANNE, permit_id).actions[0] == Action(name=ActionName.PAY, price_cents=1000)
    upstream.applied("permit.confirm_payment", permit_id=permit_id, payment_reference="PAY-1", amount_cents=1000)
    assert evidence.card(ANNE, permit_id).address == ELSEWHERE["label"]
    assert _types(evidence)[-2:] == [EventType.PERMIT_ADDRESS_CHANGE_REQUESTED, EventType.PERMIT_ADDRESS_CHANGED]


def test_cancelling_a_request_frees_its_plate(upstream: Upstream, evidence: Evidence) -> None:
    permit_id = upstream.request(plate={"raw": "AA-111-AA"})
    upstream.applied("permit.cancel", permit_id=permit_id)
    assert evidence.card(ANNE, permit_id).status is CardStatus.CANCELLED_BY_RESIDENT
    assert evidence.card(ANNE, permit_id).actions == (DETAILS,)
    assert _types(evidence)[-1] is EventType.PERMIT_CANCELLED
    upstream.request(BOB, plate={"raw": "AA-111-AA"})


def test_cancelling_an_unpaid_change_leaves_the_permit_as_it_was(upstream: Upstream, evidence: Evidence) -> None:
    permit_id = upstream.lapsed()
    before = evidence.truth()["permits"]
    upstream.applied("permit.renew", permit_id=permit_id, years=1)
    upstream.applied("permit.cancel", permit_id=permit_id)
    assert evidence.truth()["permits"] == before
    assert _types(evidence)[-1] is EventType.PERMIT_PENDING_CHANGE_CANCELLED


def test_a_request_under_review_reserves_no_plate(upstream: Upstream) -> None:
    upstream.request(plate={"raw": "AA-111-AA"}, verified=UNVERIFIED)
    upstream.request(BOB, plate={"raw": "AA-111-AA"})


def test_a_new_permit_is_shared_under_an_earlier_consent(
    upstream: Upstream, evidence: Evidence, wake_ups: list[str]
) -> None:
    upstream.allow(providers=("easypark", "flowbird"))
    permit_id = upstream.active()
    shares = evidence.shares(permit_id)
    assert {name: (share["wanted_version"], share["urgency"]) for name, share in shares.items()} == {
        "easypark": (1, 1),
        "flowbird": (1, 1),
    }
    assert sorted(wake_ups) == [CITY, "easypark", "flowbird"]
    assert len({share["reference"] for share in shares.values()}) == 2


def test_an_inactive_or_unconsented_permit_is_not_shared(
    upstream: Upstream, evidence: Evidence, wake_ups: list[str]
) -> None:
    permit_id = upstream.active()
    upstream.allow(BOB)
    upstream.request(BOB)
    upstream.lapsed(BOB)
    assert evidence.query("SELECT permit_id, provider FROM shares") == [(permit_id, CITY)]
    assert wake_ups == [CITY]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("permit.change_vehicle", {"plate": {"raw": "ZZ-999-ZZ"}}),
        ("permit.change_address", {"address": ELSEWHERE, "zones": ["18C"]}),
    ],
)
def test_a_change_makes_every_share_due_and_wakes_each_drain_once(
    upstream: Upstream, evidence: Evidence, wake_ups: list[str], kind: str, fields: dict[str, Any]
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    before = evidence.shares(permit_id)
    upstream.applied(kind, permit_id=permit_id, **fields)
    after = evidence.shares(permit_id)
    assert {name: share["wanted_version"] for name, share in after.items()} == dict.fromkeys(EVERYONE, 2)
    assert {name: after[name]["reference"] == before[name]["reference"] for name in EVERYONE} == dict.fromkeys(
        EVERYONE, True
    )
    assert sorted(wake_ups) == sorted((*EVERYONE, CITY, URGENT))  # no drain has started yet


def test_contact_data_is_stored_and_not_in_the_space(upstream: Upstream, evidence: Evidence) -> None:
    receipt = upstream.applied("resident.update_contact", name="Élodie Exemple", email="elodie@example.fr")
    assert receipt.version == 1
    assert evidence.query("SELECT name, email, language FROM residents") == [
        ("Élodie Exemple", "elodie@example.fr", "fr")
    ]
    assert _types(evidence) == [EventType.CONTACT_UPDATED]
    assert "xemple" not in evidence.space(ANNE).model_dump_json()


def test_no_receipt_carries_personal_data(upstream: Upstream, evidence: Evidence) -> None:
    permit_id = upstream.lapsed(plate={"raw": "AA-111-AA"})
    upstream.applied("resident.update_contact", name="Élodie Exemple", email="elodie@example.fr")
    upstream.applied("permit.change_address", permit_id=permit_id, address=ELSEWHERE, zones=["18C"])
    receipts = repr(evidence.query("SELECT receipt FROM jobs"))
    events = repr(evidence.query("SELECT data FROM events"))
    for value in ("xemple", "Mod", "AA-111-AA", "AA111AA", "18C", "75118"):
        assert value not in receipts + events


def _types(evidence: Evidence) -> list[EventType]:
    return [event.type for event in evidence.told(ANNE)]


def test_a_resident_has_as_many_permits_at_once_as_the_city_allows(hub: Hub, upstream: Upstream, today: date) -> None:
    strict = Upstream(replace(hub, tariffs=hub.tariffs.model_copy(update={"permits_at_once": 2})), today)
    upstream.lapsed()
    first, second = strict.active(), strict.request()  # one to be paid
    third = strict.submit("permit.request", **strict.wish(uuid4()))
    assert (third.outcome, third.code) == (Outcome.REFUSED, RefusalCode.TOO_MANY_PERMITS)
    assert strict.submit("permit.request", BOB, **strict.wish(uuid4())).outcome is Outcome.APPLIED
    strict.applied("permit.cancel", permit_id=second)
    assert strict.submit("permit.request", **strict.wish(uuid4())).outcome is Outcome.APPLIED
    strict.applied("permit.change_vehicle", permit_id=first, plate={"raw": strict.plate()})


def test_a_lapsed_permit_is_one_more_when_it_is_renewed(hub: Hub, upstream: Upstream, today: date) -> None:
    strict = Upstream(replace(hub, tariffs=hub.tariffs.model_copy(update={"permits_at_once": 1})), today)
    lapsed = upstream.lapsed()
    other = strict.request()
    renewal = strict.submit("permit.renew", permit_id=lapsed, years=1)
    assert renewal.code is RefusalCode.TOO_MANY_PERMITS
    strict.applied("permit.cancel", permit_id=other)
    strict.applied("permit.renew", permit_id=lapsed, years=1)
    assert strict.submit("permit.request", **strict.wish(uuid4())).code is RefusalCode.TOO_MANY_PERMITS
