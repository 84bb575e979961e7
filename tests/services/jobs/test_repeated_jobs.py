"""The same job again: applied once, answered with the first receipt; another job under its id is refused."""

from uuid import uuid4

import pytest

from schemas.receipts import Outcome, RefusalCode
from tests.services.concurrency import at_once
from tests.services.evidence import Evidence
from tests.services.upstream import ANNE, BOB, Upstream, choice


def test_the_same_job_is_applied_once_and_answered_the_same(upstream: Upstream, evidence: Evidence) -> None:
    permit_id = upstream.request()
    job = upstream.envelope(resident_id=ANNE, permit_id=permit_id, payment_reference="PAY-1", amount_cents=4500)
    first = upstream.send("permit.confirm_payment", job)
    before, told = evidence.truth(), evidence.told()
    for submitted_at in (job["submitted_at"], "2024-09-17T00:00:00Z"):
        assert upstream.send("permit.confirm_payment", job | {"submitted_at": submitted_at}) == first
    assert first.outcome is Outcome.APPLIED
    assert evidence.truth() == before
    assert evidence.told() == told


def test_a_refused_job_sent_again_keeps_its_refusal(upstream: Upstream, evidence: Evidence) -> None:
    first_of_both = upstream.active(plate={"raw": "AA-111-AA"})
    job = upstream.envelope(resident_id=BOB, **upstream.wish(upstream.active()) | {"plate": {"raw": "AA-111-AA"}})
    job["permit_id"] = str(job["job_id"])
    refused = upstream.send("permit.request", job)
    upstream.applied("permit.change_vehicle", permit_id=first_of_both, plate={"raw": "BB-222-BB"})
    assert refused.code is RefusalCode.PLATE_IN_USE
    assert upstream.send("permit.request", job) == refused


@pytest.mark.parametrize(
    "other",
    [{"name": "Zoé"}, {"resident_id": BOB}, {"source": "counter"}],
    ids=["another name", "another resident", "another source"],
)
def test_another_job_under_a_known_id_is_refused_and_the_first_receipt_remains(
    upstream: Upstream, evidence: Evidence, other: dict[str, str]
) -> None:
    job = upstream.envelope(resident_id=ANNE, name="Anne", email="anne@example.fr")
    first = upstream.send("resident.update_contact", job)
    before = evidence.truth()
    receipt = upstream.send("resident.update_contact", job | other)
    assert (receipt.outcome, receipt.code, receipt.field) == (Outcome.REFUSED, RefusalCode.JOB_ID_REUSED, "job_id")
    assert str(receipt.job_id) == job["job_id"]
    assert evidence.truth() == before
    assert evidence.job(job["job_id"])["outcome"] == "applied"
    assert [(message["code"], message["job_id"]) for message in evidence.refused_messages()] == [
        ("job_id_reused", job["job_id"])
    ]
    assert upstream.send("resident.update_contact", job) == first


def test_a_job_of_another_kind_under_a_known_id_is_refused(upstream: Upstream, evidence: Evidence) -> None:
    upstream.active()
    job = upstream.envelope(resident_id=ANNE)
    assert upstream.send("resident.export", job).outcome is Outcome.APPLIED
    assert upstream.send("resident.erase", job).code is RefusalCode.JOB_ID_REUSED
    assert evidence.value("SELECT erased_at FROM residents") is None


def test_a_malformed_job_keeps_its_id(upstream: Upstream) -> None:
    job = upstream.envelope(resident_id=ANNE, name="Anne")
    missing = upstream.send("resident.update_contact", job)
    assert missing.code is RefusalCode.MISSING_FIELD
    assert upstream.send("resident.update_contact", job) == missing
    mended = upstream.send("resident.update_contact", job | {"email": "anne@example.fr"})
    assert mended.code is RefusalCode.JOB_ID_REUSED


@pytest.mark.parametrize("kind", ["resident.update_contact", "consent.decide", "permit.request", "permit.import"])
def test_the_same_job_twice_at_once_is_applied_once(upstream: Upstream, evidence: Evidence, kind: str) -> None:
    fields = {
        "resident.update_contact": {"resident_id": ANNE, "name": "Anne", "email": "anne@example.fr"},
        "consent.decide": {"resident_id": ANNE, **choice("allow"), "consent_version": 0},
        "permit.request": {"resident_id": ANNE, **upstream.wish(uuid4())},
        "permit.import": {"permits": [upstream.row(), upstream.row(BOB)]},
    }[kind]
    job = upstream.envelope(**fields)
    receipts = at_once(*[lambda: upstream.send(kind, job)] * 4)
    assert all(receipt == receipts[0] for receipt in receipts)
    assert receipts[0].outcome is Outcome.APPLIED
    assert evidence.value("SELECT max(version) FROM residents") == 1
    assert evidence.value("SELECT count(*) FROM jobs") == 1
    assert evidence.refused_messages() == []
    assert len(evidence.told(ANNE)) == 1


def test_two_jobs_at_once_under_one_id_apply_one(upstream: Upstream, evidence: Evidence) -> None:
    job = upstream.envelope(name="Anne", email="anne@example.fr")
    receipts = at_once(
        lambda: upstream.send("resident.update_contact", job | {"resident_id": ANNE}),
        lambda: upstream.send("resident.update_contact", job | {"resident_id": BOB}),
    )
    assert sorted((receipt.outcome, receipt.code) for receipt in receipts) == [
        ("applied", None),
        ("refused", "job_id_reused"),
    ]
    assert evidence.value("SELECT count(*) FROM residents") == 1


def test_an_import_sent_twice_is_applied_once(upstream: Upstream, evidence: Evidence) -> None:
    job = upstream.envelope(permits=[upstream.row(), upstream.row(BOB)])
    first = upstream.send("permit.import", job)
    assert upstream.send("permit.import", job) == first
    other = upstream.send("permit.import", job | {"permits": [upstream.row("r-carl")]})
    assert other.code is RefusalCode.JOB_ID_REUSED
    assert evidence.value("SELECT count(*) FROM permits") == 2
