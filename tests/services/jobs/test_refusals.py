"""A job that cannot be applied has a stable code and the field, is recorded, and changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from schemas.receipts import Outcome, Receipt, RefusalCode
from tests.services.evidence import Evidence
from tests.services.upstream import ADDRESS, ANNE, BOB, ELSEWHERE, UNVERIFIED, Upstream, choice


@dataclass
class Town:
    """Anne's permits in every state, and one of Bob's."""

    upstream: Upstream
    active: UUID
    unpaid: UUID
    submitted: UUID
    lapsed: UUID
    cancelled: UUID
    bobs: UUID


@pytest.fixture
def town(upstream: Upstream) -> Town:
    town = Town(
        upstream,
        active=upstream.active(plate={"raw": "AA-111-AA"}),
        unpaid=upstream.request(plate={"raw": "BB-222-BB"}),
        submitted=upstream.request(plate={"raw": "CC-333-CC"}, verified=UNVERIFIED),
        lapsed=upstream.lapsed(plate={"raw": "AA-111-AA"}),
        cancelled=upstream.request(),
        bobs=upstream.active(BOB, plate={"raw": "DD-444-DD"}),
    )
    upstream.applied("permit.cancel", permit_id=town.cancelled)
    upstream.applied("permit.confirm_payment", BOB, permit_id=upstream.request(BOB), **payment("PAY-1", 4500))
    upstream.allow()
    upstream.active("r-erased")
    upstream.applied("resident.erase", "r-erased")
    return town


def payment(reference: str, cents: int) -> dict[str, Any]:
    return {"payment_reference": reference, "amount_cents": cents}


Submits = Callable[[Town], Receipt]

AGAINST_THE_TRUTH: dict[str, tuple[Submits, RefusalCode, str | None]] = {
    "an unknown resident": (
        lambda t: t.upstream.submit("permit.cancel", "r-nobody", permit_id=t.unpaid),
        RefusalCode.UNKNOWN_RESIDENT,
        "resident_id",
    ),
    "exporting an unknown resident": (
        lambda t: t.upstream.submit("resident.export", "r-nobody"),
        RefusalCode.UNKNOWN_RESIDENT,
        "resident_id",
    ),
    "an erased resident": (
        lambda t: t.upstream.submit("permit.request", "r-erased", **t.upstream.wish(uuid4())),
        RefusalCode.RESIDENT_ERASED,
        "resident_id",
    ),
    "an unknown permit": (
        lambda t: t.upstream.submit("permit.renew", permit_id=uuid4(), years=1),
        RefusalCode.UNKNOWN_PERMIT,
        "permit_id",
    ),
    "another resident's permit": (
        lambda t: t.upstream.submit("permit.change_vehicle", permit_id=t.bobs, plate={"raw": "QX-404-ZW"}),
        RefusalCode.UNKNOWN_PERMIT,
        "permit_id",
    ),
    "a permit id that is taken": (
        lambda t: t.upstream.submit("permit.request", **t.upstream.wish(t.active)),
        RefusalCode.PERMIT_EXISTS,
        "permit_id",
    ),
    "a permit id of another resident": (
        lambda t: t.upstream.submit("permit.request", **t.upstream.wish(t.bobs)),
        RefusalCode.PERMIT_EXISTS,
        "permit_id",
    ),
    "a profile without a tariff": (
        lambda t: t.upstream.submit("permit.request", **t.upstream.wish(uuid4()) | {"profile": "caravan"}),
        RefusalCode.UNKNOWN_TARIFF,
        "profile",
    ),
    "years without a tariff": (
        lambda t: t.upstream.submit("permit.request", **t.upstream.wish(uuid4()) | {"years": 2}),
        RefusalCode.UNKNOWN_TARIFF,
        "years",
    ),
    "a plate that another permit has": (
        lambda t: t.upstream.submit("permit.request", **t.upstream.wish(uuid4()) | {"plate": {"raw": "dd 444 dd"}}),
        RefusalCode.PLATE_IN_USE,
        "plate",
    ),
    "a plate that is reserved for a payment": (
        lambda t: t.upstream.submit("permit.change_vehicle", permit_id=t.active, plate={"raw": "BB222BB"}),
        RefusalCode.PLATE_IN_USE,
        "plate",
    ),
    "renewing with a plate that has another permit by now": (
        lambda t: t.upstream.submit("permit.renew", permit_id=t.lapsed, years=1),
        RefusalCode.PLATE_IN_USE,
        "plate",
    ),
    "deciding a decided permit": (
        lambda t: t.upstream.submit("permit.decide", permit_id=t.active, decision="approve"),
        RefusalCode.ACTION_NOT_OFFERED,
        None,
    ),
    "rejecting without a reason": (
        lambda t: t.upstream.submit("permit.decide", permit_id=t.submitted, decision="reject"),
        RefusalCode.REASON_REQUIRED,
        "reason",
    ),
    "renewing before it opens": (
        lambda t: t.upstream.submit("permit.renew", permit_id=t.active, years=1),
        RefusalCode.ACTION_NOT_OFFERED,
        None,
    ),
    "changing the vehicle of a lapsed permit": (
        lambda t: t.upstream.submit("permit.change_vehicle", permit_id=t.lapsed, plate={"raw": "QX-404-ZW"}),
        RefusalCode.ACTION_NOT_OFFERED,
        None,
    ),
    "changing the address of an unpaid permit": (
        lambda t: t.upstream.submit("permit.change_address", permit_id=t.unpaid, address=ELSEWHERE, zones=["18C"]),
        RefusalCode.ACTION_NOT_OFFERED,
        None,
    ),
    "cancelling an active permit": (
        lambda t: t.upstream.submit("permit.cancel", permit_id=t.active),
        RefusalCode.ACTION_NOT_OFFERED,
        None,
    ),
    "cancelling twice": (
        lambda t: t.upstream.submit("permit.cancel", permit_id=t.cancelled),
        RefusalCode.ACTION_NOT_OFFERED,
        None,
    ),
    "paying the wrong amount": (
        lambda t: t.upstream.submit("permit.confirm_payment", permit_id=t.unpaid, **payment("PAY-2", 4499)),
        RefusalCode.WRONG_AMOUNT,
        "amount_cents",
    ),
    "paying a free permit": (
        lambda t: t.upstream.submit("permit.confirm_payment", permit_id=t.active, **payment("PAY-2", 0)),
        RefusalCode.NOT_AWAITING_PAYMENT,
        None,
    ),
    "paying a cancelled request": (
        lambda t: t.upstream.submit("permit.confirm_payment", permit_id=t.cancelled, **payment("PAY-2", 4500)),
        RefusalCode.NOT_AWAITING_PAYMENT,
        None,
    ),
    "paying a replaced debt": (
        lambda t: t.upstream.submit(
            "permit.confirm_payment", permit_id=t.unpaid, **payment("PAY-2", 4500), debt_id=uuid4()
        ),
        RefusalCode.NOT_AWAITING_PAYMENT,
        "debt_id",
    ),
    "moving to where one lives": (
        lambda t: t.upstream.submit(
            "permit.change_address",
            permit_id=t.lapsed,
            address=ADDRESS | {"label": "10, RUE de l’exemple 75014 paris"},
            zones=["14A"],
        ),
        RefusalCode.ADDRESS_UNCHANGED,
        "address",
    ),
    "changing to the vehicle that one has": (
        lambda t: t.upstream.submit("permit.change_vehicle", permit_id=t.active, plate={"raw": "AA-111-AA"}),
        RefusalCode.VEHICLE_UNCHANGED,
        "plate",
    ),
    "one payment for two permits": (
        lambda t: t.upstream.submit("permit.confirm_payment", permit_id=t.unpaid, **payment("PAY-1", 4500)),
        RefusalCode.PAYMENT_ALREADY_CONFIRMED,
        "payment_reference",
    ),
    "allowing an unknown provider": (
        lambda t: t.upstream.submit("consent.decide", **choice("allow", ("easypark", "parkwell")), consent_version=1),
        RefusalCode.UNKNOWN_PROVIDER,
        "providers.1",
    ),
    "allowing on an outdated version": (
        lambda t: t.upstream.allow(seen=0),
        RefusalCode.CONSENT_STALE,
        "consent_version",
    ),
    "allowing on a version that does not exist yet": (
        lambda t: t.upstream.allow(seen=7),
        RefusalCode.CONSENT_STALE,
        "consent_version",
    ),
    "allowing without a version": (
        lambda t: t.upstream.submit("consent.decide", **choice("allow")),
        RefusalCode.MISSING_FIELD,
        "consent_version",
    ),
}


def test_a_job_that_contradicts_the_truth_is_refused_and_changes_nothing(
    town: Town, evidence: Evidence, wake_ups: list[str], subtests: pytest.Subtests
) -> None:
    before, shown, woken = evidence.truth(), evidence.space(ANNE), list(wake_ups)
    for name, (submit, code, field) in AGAINST_THE_TRUTH.items():
        with subtests.test(name):
            receipt = submit(town)
            assert (receipt.outcome, receipt.code, receipt.field) == (Outcome.REFUSED, code, field)
            recorded = evidence.job(receipt.job_id)
            assert (recorded["outcome"], recorded["code"], recorded["receipt"]["field"]) == ("refused", code, field)
    assert evidence.truth() == before
    assert evidence.space(ANNE) == shown
    assert wake_ups == woken
    assert evidence.refused_messages() == []


def test_a_refused_job_creates_no_resident(upstream: Upstream, evidence: Evidence) -> None:
    receipt = upstream.submit("permit.request", **upstream.wish(uuid4()) | {"years": 2})
    assert receipt.outcome is Outcome.REFUSED
    assert evidence.truth()["residents"] == []
    assert evidence.find_space(ANNE) is None


def test_a_reference_can_be_used_again_after_a_wrong_amount(upstream: Upstream, evidence: Evidence) -> None:
    permit_id = upstream.request()
    for cents, code in ((4499, RefusalCode.WRONG_AMOUNT), (4500, None), (4500, RefusalCode.PAYMENT_ALREADY_CONFIRMED)):
        receipt = upstream.submit("permit.confirm_payment", permit_id=permit_id, **payment("PAY-1", cents))
        assert receipt.code == code
    assert upstream.submit("permit.confirm_payment", permit_id=permit_id, **payment("PAY-2", 4500)).code is (
        RefusalCode.NOT_AWAITING_PAYMENT
    )
    assert evidence.value("SELECT count(*) FROM payments") == 1
    assert evidence.value("SELECT count(*) FROM terms") == 1


def test_guessed_links_are_refused_each_time_without_a_record(upstream: Upstream, evidence: Evidence) -> None:
    before = evidence.truth()
    job = upstream.envelope(token=uuid4())
    receipts = [upstream.send("reminders.stop", job) for _ in range(3)]
    assert {(one.outcome, one.code, one.field) for one in receipts} == {
        (Outcome.REFUSED, RefusalCode.UNKNOWN_REMINDER, "token")
    }
    assert (evidence.find_job(job["job_id"]), evidence.refused_messages()) == (None, [])
    assert evidence.truth() == before


def test_a_guessed_link_under_the_id_of_another_job_leaves_that_job_as_it_is(
    upstream: Upstream, evidence: Evidence
) -> None:
    job = upstream.envelope(resident_id=ANNE, name="Anne", email="anne@example.fr")
    first = upstream.send("resident.update_contact", job)
    guessed = upstream.send("reminders.stop", upstream.envelope(token=uuid4()) | {"job_id": job["job_id"]})
    assert guessed.code is RefusalCode.JOB_ID_REUSED
    assert upstream.send("resident.update_contact", job) == first
