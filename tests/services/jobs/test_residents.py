"""A resident's export and erasure."""

import json
from datetime import date
from uuid import UUID, uuid4

import pytest

from integrations.memory import InMemory
from schemas.events import EventType
from schemas.examples import EXPORT
from schemas.receipts import Outcome, RefusalCode
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.in_redis import as_operator, read_document
from tests.services.upstream import ADDRESS, ANNE, BOB, CITY, ELSEWHERE, EVERYONE, UNVERIFIED, Upstream
from tests.support.texts import KNOWN
from worker.hub import Hub
from worker.services.clock.sweep import sweep

PERSONAL = ("Élodie", "elodie@example.fr", "EF-367-QS", "EF367QS", "PO-456-VB", "PO456VB", "Illisible", "ZONE-14")
ADDRESSES = [text for address in (ADDRESS, ELSEWHERE) for text in address.values()]


@pytest.fixture
def active(upstream: Upstream, deliver: Deliver) -> UUID:
    """Give Anne a history: two plates, two addresses, a payment, a rejection, and data at every provider."""
    upstream.applied("resident.update_contact", name="Élodie Exemple", email="elodie@example.fr")
    upstream.allow()
    active = upstream.active(plate={"raw": "EF-367-QS"}, zones=["ZONE-14"])
    upstream.applied("permit.change_vehicle", permit_id=active, plate={"raw": "PO-456-VB"})
    lapsed = upstream.lapsed()
    upstream.applied("permit.change_address", permit_id=lapsed, address=ELSEWHERE, zones=["18C"])
    rejected = upstream.request(verified=UNVERIFIED)
    upstream.applied("permit.decide", permit_id=rejected, decision="reject", reason="Illisible.")
    paid = upstream.request()
    upstream.applied("permit.confirm_payment", permit_id=paid, payment_reference="PAY-1", amount_cents=4500)
    deliver()
    return active


def test_an_export_has_all_data_and_its_receipt_none(
    upstream: Upstream, evidence: Evidence, active: UUID, hub: Hub
) -> None:
    receipt = upstream.applied("resident.export")
    raw = read_document(hub, f"export:{receipt.job_id}")
    assert 0 < as_operator(hub).ttl(hub.live.key(f"export:{receipt.job_id}")) <= 900
    document = json.loads(raw)
    assert document.keys() == EXPORT.keys()
    text = json.dumps(document, ensure_ascii=False)
    for value in (*PERSONAL, *ADDRESSES, "18C", "PAY-1", *EVERYONE, "2024-09"):
        assert value in text or value.endswith(("367QS", "456VB")), value
    assert (document["resident_id"], document["email"]) == (ANNE, "elodie@example.fr")
    assert len(document["permits"]) == 4
    permit = next(permit for permit in document["permits"] if permit["permit_id"] == str(active))
    assert [plate["plate"] for plate in permit["plates"]] == ["EF-367-QS", "PO-456-VB"]
    assert {end["outcome"] for entry in permit["disclosures"] for end in entry["outcomes"]} == {"confirmed"}
    assert {entry["provider"] for entry in permit["disclosures"]} == {*EVERYONE, CITY}
    assert [(one["choice"], one["text"]) for one in document["consent_decisions"]] == [("allow", KNOWN.words)]
    assert [event["sequence"] for event in document["events"]] == [sequence for sequence, _ in evidence.written(ANNE)]
    assert not [value for value in PERSONAL if value in receipt.model_dump_json()]


def test_an_export_only_records_its_job(upstream: Upstream, evidence: Evidence, active: UUID) -> None:
    before = evidence.truth()
    upstream.applied("resident.export")
    assert evidence.truth() == before


def test_an_erasure_leaves_no_personal_data(
    upstream: Upstream, evidence: Evidence, active: UUID, twins: dict[str, InMemory], deliver: Deliver
) -> None:
    upstream.applied("resident.export")
    assert all(twin.held for twin in twins.values())
    receipt = upstream.applied("resident.erase")
    stored = evidence.everything_stored()
    assert not [value for value in (*PERSONAL, *ADDRESSES) if value in stored]
    assert evidence.query("SELECT FROM plate_assignments") == []
    assert evidence.space(ANNE).cards == ()
    assert evidence.told(ANNE)[-1].type is EventType.RESIDENT_ERASED
    assert evidence.told(ANNE)[-1].data.job_id == receipt.job_id
    deliver()
    assert not any(twin.held for twin in twins.values())
    assert evidence.pending() == 0


def test_an_erasure_refuses_all_consent_and_makes_urgent_removals(
    upstream: Upstream, evidence: Evidence, active: UUID
) -> None:
    upstream.applied("resident.erase")
    assert {
        (share["urgency"], share["wanted_version"] > share["confirmed_version"])
        for share in evidence.shares(active).values()
    } == {(0, True)}
    version, choice, providers = evidence.query(
        "SELECT version, choice, providers FROM consent_decisions ORDER BY version DESC LIMIT 1"
    )[0]
    assert (version, choice, set(providers)) == (2, "refuse", set(EVERYONE))


def test_an_erasure_frees_the_residents_plates(upstream: Upstream) -> None:
    upstream.active(plate={"raw": "EF-367-QS"})
    upstream.request(plate={"raw": "PO-456-VB"})
    upstream.applied("resident.erase")
    upstream.active(BOB, plate={"raw": "EF-367-QS"})
    upstream.active(BOB, plate={"raw": "PO-456-VB"})


def test_an_erasure_changes_no_other_resident(upstream: Upstream, evidence: Evidence, active: UUID) -> None:
    upstream.allow(BOB)
    bobs = upstream.active(BOB)
    before = (evidence.space(BOB), evidence.shares(bobs))
    upstream.applied("resident.erase")
    assert (evidence.space(BOB), evidence.shares(bobs)) == before


def test_an_erased_resident_stays_erased(
    upstream: Upstream, evidence: Evidence, active: UUID, deliver: Deliver, twins: dict[str, InMemory]
) -> None:
    upstream.applied("resident.erase")
    for kind, fields in (
        ("permit.change_vehicle", {"permit_id": active, "plate": {"raw": "AA-111-AA"}}),
        ("resident.update_contact", {"name": "Élodie", "email": "elodie@example.fr"}),
    ):
        assert upstream.submit(kind, **fields).code is RefusalCode.RESIDENT_ERASED
    assert upstream.allow(seen=2).outcome is Outcome.APPLIED  # it allows nothing: there is nothing left
    assert upstream.applied("resident.erase").outcome is Outcome.APPLIED
    deliver()
    assert not any(twin.held for twin in twins.values())
    assert evidence.screen(ANNE).cards == ()


def test_the_sweep_publishes_an_erasure_whose_publishing_was_lost(
    upstream: Upstream, evidence: Evidence, active: UUID, hub: Hub, today: date
) -> None:
    upstream.applied("resident.erase")
    hub.live.client.delete(hub.live.key(f"space:{ANNE}"))
    sweep(hub, today)
    stored = evidence.everything_stored()
    assert not [value for value in (*PERSONAL, *ADDRESSES) if value in stored]


def test_an_erasure_that_overtakes_the_request_ends_it(upstream: Upstream, evidence: Evidence) -> None:
    upstream.applied("resident.erase", BOB)
    late = upstream.submit("permit.request", BOB, **upstream.wish(uuid4()))
    assert late.code is RefusalCode.RESIDENT_ERASED
    assert evidence.query("SELECT FROM permits") == []
    assert upstream.allow(BOB).code is RefusalCode.CONSENT_STALE
