"""Malformed jobs are refused with a code and the field, and recorded without their content."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas.jobs import MAX_JOB_BYTES
from schemas.receipts import Outcome, Receipt, RefusalCode
from tests.services.evidence import Evidence
from tests.services.upstream import ANNE, BOB, Upstream

SECRET = "QX-404-ZW"  # a plate in malformed jobs; it must be found nowhere afterwards


def _bent(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda job: {name: value for name, value in (job | changes).items() if value is not ...}


MALFORMED: dict[str, tuple[Callable[[dict[str, Any]], Any], RefusalCode, str | None]] = {
    "a missing field": (_bent(plate=...), RefusalCode.MISSING_FIELD, "plate"),
    "a missing part of a field": (_bent(plate={"country": "FR"}), RefusalCode.MISSING_FIELD, "plate.raw"),
    "a field too many": (_bent(colour="blue"), RefusalCode.EXTRA_FIELD, "*"),
    "a field of another kind": (_bent(years=1), RefusalCode.EXTRA_FIELD, "years"),
    "a number for a text": (_bent(plate={"raw": 404}), RefusalCode.WRONG_TYPE, "plate.raw"),
    "a list for an object": (_bent(plate=[SECRET]), RefusalCode.WRONG_TYPE, "plate"),
    "nothing for an object": (_bent(plate=None), RefusalCode.WRONG_TYPE, "plate"),
    "a date that does not exist": (
        _bent(submitted_at="2026-02-30T10:00:00Z"),
        RefusalCode.INVALID_DATE,
        "submitted_at",
    ),
    "a moment without a zone": (_bent(submitted_at="2026-02-20T10:00:00"), RefusalCode.INVALID_DATE, "submitted_at"),
    "a plate of 300 characters": (_bent(plate={"raw": SECRET * 34}), RefusalCode.TOO_LONG, "plate.raw"),
    "a plate without a letter": (_bent(plate={"raw": "- -"}), RefusalCode.INVALID_VALUE, "plate.raw"),
    "a plate with a NUL": (_bent(plate={"raw": SECRET + "\0"}), RefusalCode.INVALID_VALUE, "plate.raw"),
    "a country that is none": (
        _bent(plate={"raw": SECRET, "country": "France"}),
        RefusalCode.INVALID_VALUE,
        "plate.country",
    ),
    "a resident id that is an e-mail": (_bent(resident_id="anne@example.fr"), RefusalCode.INVALID_VALUE, "resident_id"),
    "a permit id that is none": (_bent(permit_id=SECRET), RefusalCode.INVALID_VALUE, "permit_id"),
    "a version that is not ours": (_bent(schema_version=3), RefusalCode.INVALID_VALUE, "schema_version"),
    "a list in place of a job": (lambda job: [job], RefusalCode.WRONG_TYPE, None),
    "nothing at all": (lambda job: "", RefusalCode.NOT_JSON, None),
    "half a job": (lambda job: json.dumps(job)[:-20], RefusalCode.NOT_JSON, None),
    "half a character": (_bent(source="\ud800"), RefusalCode.NOT_JSON, None),
    "five megabytes": (_bent(source="x" * 5_000_000), RefusalCode.TOO_LARGE, None),
    "a byte too many": (
        lambda job: json.dumps(job) + " " * (MAX_JOB_BYTES + 1 - len(json.dumps(job))),
        RefusalCode.TOO_LARGE,
        None,
    ),
    "brackets without end": (lambda job: "[" * 900_000, RefusalCode.NOT_JSON, None),
    "a key that stands twice": (
        lambda job: json.dumps(job)[:-1] + ', "permit_id": "x"}',
        RefusalCode.INVALID_VALUE,
        "permit_id",
    ),
}


def test_a_malformed_job_is_refused_with_its_field_and_changes_nothing(
    upstream: Upstream, evidence: Evidence, wake_ups: list[str], subtests: pytest.Subtests
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    before, woken = evidence.truth(), list(wake_ups)
    for name, (bend, code, field) in MALFORMED.items():
        with subtests.test(name):
            job = upstream.envelope(resident_id=ANNE, permit_id=permit_id, plate={"raw": SECRET})
            bent = bend(job)
            receipt = upstream.send("permit.change_vehicle", bent if isinstance(bent, str) else json.dumps(bent))
            assert (receipt.outcome, receipt.code, receipt.field) == (Outcome.REFUSED, code, field)
            recorded = evidence.find_job(receipt.job_id) or _message(evidence, receipt)
            assert (recorded["code"], recorded["kind"]) == (code, "permit.change_vehicle")
    assert evidence.truth() == before
    assert wake_ups == woken
    stored = evidence.everything_stored()
    assert SECRET not in stored
    assert "anne@example.fr" not in stored


def test_an_unknown_kind_of_job_is_refused(upstream: Upstream, evidence: Evidence) -> None:
    job = upstream.envelope(resident_id=ANNE)
    receipt = upstream.send("permit.paint", job)
    assert (receipt.code, str(receipt.job_id)) == (RefusalCode.UNKNOWN_KIND, job["job_id"])
    assert evidence.job(job["job_id"])["code"] == "unknown_kind"


def test_an_unreadable_import_row_refuses_the_job(upstream: Upstream, evidence: Evidence) -> None:
    for terms, code, field in (
        (
            [{"first_day": "2026-02-30", "last_day": "2026-03-01"}],
            RefusalCode.INVALID_DATE,
            "permits.1.terms.0.first_day",
        ),
        ([{"first_day": "2026-03-02", "last_day": "2026-03-01"}], RefusalCode.INVALID_DATE, "permits.1.terms.0"),
        (
            [{"first_day": "0026-03-02", "last_day": "2026-03-01"}],
            RefusalCode.INVALID_DATE,
            "permits.1.terms.0.first_day",
        ),
    ):
        receipt = upstream.take_over(upstream.row(), upstream.row(BOB, terms=terms))
        assert (receipt.code, receipt.field, receipt.rows) == (code, field, None)
    assert evidence.truth()["permits"] == []


def test_a_thousand_and_one_rows_are_too_many(upstream: Upstream) -> None:
    receipt = upstream.take_over(*[upstream.row(address={"ban_id": "1", "label": "1"})] * 1_001)
    assert (receipt.code, receipt.field) == (RefusalCode.TOO_LONG, "permits")


def _message(evidence: Evidence, receipt: Receipt) -> dict[str, Any]:
    return next(
        message
        for message in evidence.refused_messages()
        if receipt.job_id is not None and message["job_id"] == str(receipt.job_id)
    )
