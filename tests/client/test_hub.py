"""The client against a real Redis-protocol server and a real Celery worker."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from permit_hub_client import Hub, HubFailed, HubRefused, InvalidJob, Receipt, ReceiptTimeout

from tests.client.conftest import OpenHub, ToyHub

PERMIT_ID = UUID("7b8f2c1e-1111-4a2b-8c3d-5e6f7a8b9c0d")


def _queued(toy: ToyHub, queue: str) -> list[Any]:
    """Return the bodies of a queue's messages, oldest first."""
    items = toy.redis.lrange(toy.prefix + queue, 0, -1)
    assert isinstance(items, list)
    return [json.loads(base64.b64decode(json.loads(item)["body"])) for item in reversed(items)]


@pytest.fixture
def bulk(toy: ToyHub) -> Iterator[str]:
    """Return the queue that no worker serves, empty."""
    yield "bulk"
    toy.redis.delete(toy.prefix + "bulk")


def test_a_job_comes_back_as_a_receipt(either: Hub) -> None:
    job_id = uuid4()
    receipt = either.submit("consent.decide", job_id=job_id, resident_id="r-1", choice="refuse")
    assert receipt == Receipt(job_id, "consent.decide", True, None, None, 1, None)
    assert not receipt.refused


def test_a_refusal_is_a_receipt_with_a_code_and_a_field(either: Hub) -> None:
    receipt = either.submit("permit.change_vehicle", permit_id=PERMIT_ID, plate={"raw": "A" * 300})
    assert receipt.refused
    assert (receipt.code, receipt.field, receipt.version) == ("too_long", "plate.raw", None)


def test_a_receipt_may_have_rows(either: Hub) -> None:
    receipt = either.submit("permit.request", permit_id=PERMIT_ID)
    assert receipt.rows is not None
    assert (receipt.rows[0].permit_id, receipt.rows[0].code) == (PERMIT_ID, "permit_exists")


def test_the_envelope_is_filled_in_and_values_are_written_out(hub: Hub) -> None:
    before = datetime.now(UTC)
    job = hub.job("permit.renew", permit_id=PERMIT_ID, years=1, first_day=date(2024, 9, 16))
    fields = json.loads(job.text)
    assert fields["job_id"] == str(job.job_id)
    assert (fields["schema_version"], fields["source"]) == (1, "tests")
    assert before <= datetime.fromisoformat(fields["submitted_at"]) <= datetime.now(UTC)
    assert (fields["permit_id"], fields["first_day"]) == (str(PERMIT_ID), "2024-09-16")


def test_a_jobs_repr_shows_no_field(either: Hub, bulk: str) -> None:
    job = either.job("resident.export", resident_id="r-secret")
    assert "r-secret" not in repr(job)
    with pytest.raises(ReceiptTimeout) as caught:
        either.submit(job, wait=0.01)
    assert "r-secret" not in repr(caught.value) + str(caught.value)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("permit.frame", {}),
        ("permit.renew", {"years": float("nan")}),
        ("permit.renew", {"years": {1, 2}}),
        ("permit.renew", {"job_id": "not a uuid"}),
        ("permit.renew", {"name": "\ud800"}),
        ("permit.renew", {"at": datetime(2024, 9, 16)}),  # noqa: DTZ001
        ("permit.import", {"permits": ["x" * 1_000_000]}),
        ("permit.import", {"permits": ["é" * 500_000]}),
    ],
    ids=[
        "unknown kind",
        "NaN",
        "a set",
        "bad job_id",
        "lone surrogate",
        "naive datetime",
        "too large",
        "too many bytes",
    ],
)
def test_a_job_that_cannot_be_sent_is_refused_before_sending(either: Hub, kind: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidJob) as caught:
        either.submit(kind, **fields)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("job_id", [17, "zz", "", None])
def test_a_job_id_that_is_not_a_uuid_is_refused(either: Hub, job_id: object) -> None:
    with pytest.raises(InvalidJob, match="the job_id is not a UUID"):
        either.submit("permit.cancel", resident_id="r-1", job_id=job_id)


def test_an_unanswered_job_is_sent_again_byte_for_byte(either: Hub, toy: ToyHub, bulk: str) -> None:
    with pytest.raises(ReceiptTimeout) as first:
        either.submit("resident.export", resident_id="r-1", wait=0.05)
    job = first.value.job
    assert job is not None
    with pytest.raises(ReceiptTimeout):
        either.submit(job, wait=0.05)
    one, other = _queued(toy, bulk)
    assert one == other
    assert json.loads(one[0][0])["job_id"] == str(job.job_id)


def test_a_time_out_takes_as_long_as_asked(either: Hub, bulk: str) -> None:
    began = time.monotonic()
    with pytest.raises(ReceiptTimeout):
        either.submit("resident.export", resident_id="r-1", wait=0.3)
    assert 0.3 <= time.monotonic() - began < 3


def test_an_earlier_receipt_does_not_answer_a_new_message(either: Hub, toy: ToyHub, bulk: str) -> None:
    job = either.job("resident.export", resident_id="r-1")
    old = {"status": "SUCCESS", "result": {"job_id": str(job.job_id), "kind": job.kind, "outcome": "applied"}}
    toy.redis.set(f"{toy.prefix}celery-task-meta-{job.job_id}", json.dumps(old))
    with pytest.raises(ReceiptTimeout):
        either.submit(job, wait=1.2)


def test_a_receipt_can_be_fetched_later(either: Hub) -> None:
    jobs = [either.send("consent.decide", resident_id="r-1", choice="refuse") for _ in range(20)]
    for job in jobs:
        assert either.receipt(job).job_id == job.job_id
        assert either.receipt(job).applied


def test_a_task_that_fails_raises_hub_failed(either: Hub) -> None:
    with pytest.raises(HubFailed) as caught:
        either.submit("permit.cancel", permit_id=PERMIT_ID)
    assert caught.value.job is not None


def test_threads_share_a_hub(hub: Hub) -> None:
    ids: list[tuple[UUID, UUID]] = []

    def submit() -> None:
        for _ in range(20):
            job = hub.job("consent.decide", resident_id="r-1")
            ids.append((job.job_id, hub.submit(job).job_id))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 160
    assert all(sent == answered for sent, answered in ids)


def test_connections_that_the_server_closed_are_made_again(either: Hub, toy: ToyHub) -> None:
    assert either.submit("consent.decide", resident_id="r-1").applied
    toy.redis.client_kill_filter(_type="normal", skipme=True)
    toy.redis.client_kill_filter(_type="pubsub")
    assert either.submit("consent.decide", resident_id="r-1", wait=30).applied


def test_a_published_space_is_read_without_a_task(either: Hub, toy: ToyHub) -> None:
    published: dict[str, object] = {"version": 7}
    toy.redis.set(f"{toy.prefix}space:r-2", json.dumps(published))
    assert either.space("r-2", wait=0) == published


def test_a_missing_space_is_published_by_a_task(either: Hub, toy: ToyHub) -> None:
    toy.redis.delete(f"{toy.prefix}space:r-known")
    assert either.space("r-known") == {"resident_id": "r-known", "version": 3}


def test_an_unknown_resident_has_no_space(either: Hub) -> None:
    assert either.space("r-nobody") is None


def test_a_refused_document_raises_its_code(either: Hub) -> None:
    for ask in (either.space, either.history):
        with pytest.raises(HubRefused) as refused:
            ask("r-refused")
        assert refused.value.code == "resident_not_allowed"


def test_a_document_that_is_dropped_before_reading_is_made_again_until_the_time_out(either: Hub) -> None:
    with pytest.raises(ReceiptTimeout):
        either.space("r-lost", wait=0.5)


def test_a_history_is_made_at_each_call_and_deleted_when_read(either: Hub, toy: ToyHub) -> None:
    history: Any = either.history("r-known")
    assert history == {"resident_id": "r-known", "version": 3}
    assert not toy.redis.keys(f"{toy.prefix}history:*")


def test_an_unknown_resident_has_no_history(either: Hub) -> None:
    assert either.history("r-nobody") is None


def test_a_catalogue_is_made_once_and_then_read(either: Hub, toy: ToyHub) -> None:
    toy.redis.delete(f"{toy.prefix}catalogue")
    made: dict[str, object] = {"address_change_cents": 1000}
    assert either.catalogue() == either.catalogue(wait=0) == made


def test_a_plate_is_read_by_the_hub_and_its_document_deleted(either: Hub, toy: ToyHub) -> None:
    assert either.plate("b-no 1234", "DE") == {"plate": "B-NO 1234", "country": "DE", "unusual": True}
    assert toy.redis.keys(f"{toy.prefix}plate:*") == []


def test_a_document_that_is_not_made_in_time_is_a_time_out(toy: ToyHub, open_hub: OpenHub) -> None:
    with open_hub(toy.url, source="tests", prefix="toy-nobody-here:") as hub:
        with pytest.raises(ReceiptTimeout):
            hub.space("r-1", wait=0.1)
        with pytest.raises(ReceiptTimeout):
            hub.history("r-1", wait=0.1)
        with pytest.raises(ReceiptTimeout):
            hub.catalogue(wait=0.1)
        with pytest.raises(ReceiptTimeout):
            hub.plate("B-NO 1234", "DE", wait=0.1)
    toy.redis.delete("toy-nobody-here:jobs")


def test_an_export_is_read_by_its_job_or_its_receipt(either: Hub, toy: ToyHub) -> None:
    job = either.job("resident.export", resident_id="r-1")
    assert either.export(job) is None
    toy.redis.set(f"{toy.prefix}export:{job.job_id}", json.dumps({"resident_id": "r-1", "name": "Élodie"}))
    receipt = Receipt(job.job_id, job.kind, True, None, None, None, None)
    assert either.export(job) == either.export(receipt) == {"resident_id": "r-1", "name": "Élodie"}
