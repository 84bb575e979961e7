"""A hub that knows its sources applies what they sign and may say, and nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from permit_hub_client import signature as of_the_client

from schemas.jobs import KINDS, QUEUES
from schemas.receipts import Outcome, Receipt
from schemas.receipts import RefusalCode as Code
from tests.services.evidence import Evidence
from tests.services.upstream import ANNE, BOB, Upstream, choice
from worker.domain.sources import Source, Sources, key_id, sign
from worker.hub import Hub
from worker.services.jobs.handle import handle

KEYS = {"portal": b"p" * 32, "payments": b"m" * 32, "agents": b"a" * 32}
MAY = {
    "portal": (KINDS.keys() - {"permit.confirm_payment", "permit.decide", "permit.import"}, (ANNE,)),
    "payments": ({"permit.confirm_payment"}, ("",)),
    "agents": ({"permit.decide", "permit.import"}, (ANNE,)),
}
Send = Callable[..., Receipt]


@pytest.fixture
def strict(hub: Hub) -> Hub:
    """Return a hub that knows its sources."""
    known = {
        name: Source(name, {key_id(KEYS[name]): KEYS[name]}, frozenset(kinds), residents)
        for name, (kinds, residents) in MAY.items()
    }
    return replace(hub, sources=Sources(known))


@pytest.fixture
def send(strict: Hub, upstream: Upstream) -> Send:
    """Send a job signed by a source; its text and its id can be others than those signed."""

    def send(
        kind: str,
        signer: str | None,
        *,
        sent: str | None = None,
        sent_as: UUID | None = None,
        signed_as: UUID | None = None,
        **fields: Any,
    ) -> Receipt:
        job = upstream.envelope(**{"source": signer or "portal"} | fields)
        text, task_id = json.dumps(job), signed_as or UUID(job["job_id"])
        signed = signer and sign(KEYS[signer], signer, kind, task_id, text, datetime.now(UTC))
        return handle(strict, kind, sent or text, sent_as or task_id, strict.today(), signed)

    return send


def test_what_a_source_signs_and_may_say_is_applied(send: Send, upstream: Upstream) -> None:
    permit_id = uuid4()
    wish = upstream.wish(permit_id) | {"resident_id": ANNE}
    assert send("permit.request", "portal", **wish).outcome is Outcome.APPLIED
    paid = {"resident_id": ANNE, "permit_id": permit_id, "payment_reference": "PAY-1", "amount_cents": 4500}
    assert send("permit.confirm_payment", "payments", **paid).outcome is Outcome.APPLIED


@pytest.mark.parametrize(
    ("signer", "kind", "fields", "code"),
    [
        (None, "consent.decide", {}, Code.SIGNATURE_MISSING),
        ("payments", "consent.decide", {}, Code.KIND_NOT_ALLOWED),
        ("portal", "consent.decide", {"resident_id": BOB}, Code.RESIDENT_NOT_ALLOWED),
        ("portal", "consent.decide", {"source": "agents"}, Code.SIGNATURE_INVALID),
        ("portal", "consent.decide", {"sent": "{}"}, Code.SIGNATURE_INVALID),
        ("portal", "consent.decide", {"sent_as": uuid4()}, Code.SIGNATURE_INVALID),
    ],
    ids=["unsigned", "another kind", "another resident", "another source", "another text", "another id"],
)
def test_what_is_not_proved_or_not_allowed_changes_nothing_and_is_recorded(
    send: Send, evidence: Evidence, signer: str | None, kind: str, fields: dict[str, Any], code: Code
) -> None:
    before = evidence.truth()
    receipt = send(kind, signer, **{"resident_id": ANNE} | choice("allow") | {"consent_version": 0} | fields)
    assert (receipt.outcome, receipt.code) == (Outcome.REFUSED, code)
    assert evidence.truth() == before
    assert [message["code"] for message in evidence.refused_messages()] == [code]


def test_an_import_speaks_for_every_row(send: Send, upstream: Upstream, evidence: Evidence) -> None:
    rows = [upstream.row(), upstream.row(BOB)]
    assert send("permit.import", "agents", permits=rows).code is Code.RESIDENT_NOT_ALLOWED
    assert evidence.value("SELECT count(*) FROM permits") == 0
    assert send("permit.import", "agents", permits=rows[:1]).outcome is Outcome.APPLIED


def test_a_forged_job_does_not_take_the_id_of_the_true_one(send: Send) -> None:
    job_id = uuid4()
    true = {"job_id": job_id, "resident_id": ANNE} | choice("refuse")
    for forged in ({"resident_id": BOB}, {"sent": "no JSON"}, {"source": "agents"}):
        assert send("consent.decide", "portal", **true | forged).outcome is Outcome.REFUSED
    assert send("consent.decide", None, **true).code is Code.SIGNATURE_MISSING
    assert send("consent.decide", "portal", **true).outcome is Outcome.APPLIED


def test_a_forged_message_does_not_replace_the_receipt_of_a_job(send: Send, evidence: Evidence) -> None:
    true = {"job_id": uuid4(), "resident_id": ANNE} | choice("refuse")
    receipt = send("consent.decide", "portal", **true)
    assert send("consent.decide", None, **true | {"resident_id": BOB}) == receipt
    assert [message["code"] for message in evidence.refused_messages()] == [Code.SIGNATURE_MISSING]


@pytest.mark.parametrize("choice_made", ["refuse", "perhaps"], ids=["valid", "invalid"])
def test_a_source_cannot_take_the_id_of_anothers_job(send: Send, evidence: Evidence, choice_made: str) -> None:
    job_id = uuid4()
    job = {"resident_id": ANNE} | choice("refuse")
    text_of_another_id = {"job_id": job_id} | job | {"choice": choice_made}
    assert send("consent.decide", "portal", signed_as=uuid4(), **text_of_another_id).outcome is Outcome.REFUSED
    assert evidence.find_job(job_id) is None
    assert send("consent.decide", "portal", job_id=job_id, **job).outcome is Outcome.APPLIED


def test_a_signed_job_that_is_no_valid_one_is_refused_by_its_fault(send: Send) -> None:
    receipt = send("consent.decide", "portal", resident_id=ANNE, **choice("perhaps"))
    assert (receipt.code, receipt.field) == (Code.INVALID_VALUE, "choice")


@pytest.mark.parametrize("kind", KINDS)
def test_the_client_signs_as_the_hub_reads(strict: Hub, kind: str) -> None:
    task_id, text, name = uuid4(), "{é}", next(name for name, (kinds, _) in MAY.items() if kind in kinds)
    signed = of_the_client.sign(KEYS[name], name, kind, QUEUES[kind].value, task_id, text)
    assert strict.sources is not None
    assert strict.sources.signer(kind, task_id, text, signed, datetime.now(UTC)).name == name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MAY)
def test_each_source_may_send_its_own_kinds_and_no_others(send: Send, evidence: Evidence, name: str, kind: str) -> None:
    receipt = send(kind, name)
    assert (receipt.code is Code.KIND_NOT_ALLOWED) == (kind not in MAY[name][0])
    if kind not in MAY[name][0]:
        assert evidence.truth()["permits"] == evidence.truth()["consent_decisions"] == []
        assert evidence.refused_messages()[-1]["code"] == "kind_not_allowed"
