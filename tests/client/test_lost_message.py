"""A lost message: the waiting call sends it again, and the hub applies it once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from permit_hub_client import Hub, ReceiptTimeout

from tests.client.conftest import KEYS, OpenHub, TrueHub

REFUSAL: dict[str, Any] = {
    "choice": "refuse",
    "providers": ["paybyphone"],
    "decided_at": datetime(2026, 1, 5, 10, 0, tzinfo=UTC),
    "text": {"version": "2026-01", "sha256": "0" * 64},
}
CONTACT: dict[str, Any] = {"name": "Élodie Exemple", "email": "elodie@example.org"}
SECONDS = 20.0


@pytest.fixture
def hub(true_worker: TrueHub, open_hub: OpenHub) -> Iterator[Hub]:
    with open_hub(true_worker.url, source="tests", key=KEYS["tests"], prefix=true_worker.prefix) as hub:
        yield hub


def decisions(true_worker: TrueHub, resident: str) -> int:
    with true_worker.database.connect() as connection:
        asked = "SELECT count(*)::int FROM consent_decisions WHERE resident_id = %s"
        (count,) = connection.execute(asked, [resident]).fetchone() or ()
    assert isinstance(count, int)
    return count


def test_a_job_is_sent_again_and_applied_once(true_worker: TrueHub, hub: Hub, resident: str) -> None:
    job = hub.job("consent.decide", resident_id=resident, **REFUSAL)
    with true_worker.losing_one("consent") as lost:
        receipt = hub.submit(job, wait=SECONDS)
    assert (receipt.job_id, receipt.applied) == (job.job_id, True)
    with true_worker.database.connect() as connection:
        outcomes = connection.execute("SELECT outcome FROM jobs WHERE job_id = %s", [job.job_id]).fetchall()
    assert outcomes == [("applied",)]
    # The lost message turns up again: its answer is the same, and answers no other call.
    true_worker.store.lpush(f"{true_worker.prefix}consent", lost[0])
    other = hub.submit("resident.update_contact", resident_id=resident, **CONTACT, wait=SECONDS)
    assert other.kind == "resident.update_contact"
    assert hub.submit(job, wait=SECONDS) == receipt
    assert decisions(true_worker, resident) == 1


def test_a_document_is_requested_again(true_worker: TrueHub, hub: Hub, resident: str) -> None:
    version = hub.submit("resident.update_contact", resident_id=resident, **CONTACT, wait=SECONDS).version
    true_worker.store.delete(f"{true_worker.prefix}space:{resident}", f"{true_worker.prefix}catalogue")
    with true_worker.losing_one("jobs"):
        space = hub.space(resident, wait=SECONDS)
    with true_worker.losing_one("jobs"):
        history = hub.history(resident, wait=SECONDS)
    with true_worker.losing_one("jobs"):
        assert hub.catalogue(wait=SECONDS)["profiles"]
    assert space is not None
    assert history is not None
    assert space["version"] == history["version"] == version


def test_an_unanswered_job_is_sent_again_after_two_seconds_then_four(
    true_worker: TrueHub, hub: Hub, resident: str
) -> None:
    """The worker is unavailable for a while: all copies of the message are equal, and applied once."""
    job = hub.job("consent.decide", resident_id=resident, **REFUSAL)
    with true_worker.stopped():
        with pytest.raises(ReceiptTimeout):
            hub.submit(job, wait=7)
        assert true_worker.store.llen(f"{true_worker.prefix}consent") == 3
    assert hub.receipt(job, wait=SECONDS).applied
    assert decisions(true_worker, resident) == 1
