"""The jobs that `parse_job` accepts, and those that it refuses, with code and field."""

import contextlib
import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.examples import EXAMPLES, JOB_ID
from schemas.jobs import KINDS, MAX_IMPORT_ROWS, MAX_JOB_BYTES, ClaimingJob
from schemas.receipts import RefusalCode
from schemas.validation import InvalidJobError, parse_job
from schemas.verified import Verified

_REMOVE = object()


def _changed(kind: str, path: str, value: object) -> str:
    """Return the example of a kind with one field set, or removed, as text."""
    job: Any = json.loads(json.dumps(EXAMPLES[kind]))
    *parents, last = path.split(".")
    place = job
    for step in parents:
        place = place[int(step) if step.isdigit() else step]
    if value is _REMOVE:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return json.dumps(job)


def _refusal(kind: str, raw: str) -> InvalidJobError:
    with pytest.raises(InvalidJobError) as caught:
        parse_job(kind, raw)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_of_each_kind_is_accepted_and_survives_a_round_trip(kind: str) -> None:
    job = parse_job(kind, json.dumps(EXAMPLES[kind]))
    assert type(job) is KINDS[kind]
    assert parse_job(kind, job.model_dump_json()) == job


@pytest.mark.parametrize("kind", KINDS)
def test_jobs_are_frozen(kind: str) -> None:
    job = parse_job(kind, json.dumps(EXAMPLES[kind]))
    with pytest.raises(ValidationError, match="frozen"):
        job.source = "other"  # type: ignore[misc]


@pytest.mark.parametrize("version", [{"schema_version": 1}, {}])
@pytest.mark.parametrize("kind", ["permit.request", "permit.change_vehicle", "permit.change_address"])
def test_a_job_of_version_1_counts_as_nothing_verified(kind: str, version: dict[str, int]) -> None:
    new = {name: value for name, value in EXAMPLES[kind].items() if name not in ("schema_version", "verified")}
    flags = {"verified": {"residence": True, "vehicle": True}} if kind == "permit.request" else {}
    job = parse_job(kind, json.dumps(new | version | flags))
    assert job == parse_job(kind, json.dumps(new | {"schema_version": 2}))
    assert isinstance(job, ClaimingJob)
    assert job.verified == Verified()


@pytest.mark.parametrize("kind", ["permit.request", "permit.change_vehicle", "permit.change_address"])
def test_a_job_of_version_1_can_name_nothing_verified(kind: str) -> None:
    refusal = _refusal(kind, json.dumps(EXAMPLES[kind] | {"schema_version": 1}))
    code, field = (R.WRONG_TYPE, "verified.residence") if kind == "permit.request" else (R.EXTRA_FIELD, "verified")
    assert (refusal.code, refusal.field) == (code, field)


R = RefusalCode
_BAD_FIELDS = [
    ("permit.renew", "years", _REMOVE, R.MISSING_FIELD),
    ("permit.renew", "job_id", _REMOVE, R.MISSING_FIELD),
    ("permit.request", "plate.raw", _REMOVE, R.MISSING_FIELD),
    ("permit.renew", "plate", {"raw": "AA"}, R.EXTRA_FIELD),
    ("permit.renew", "years", "1", R.WRONG_TYPE),
    ("permit.renew", "years", True, R.WRONG_TYPE),
    ("permit.renew", "years", 1.0, R.WRONG_TYPE),
    ("permit.renew", "years", None, R.WRONG_TYPE),
    ("permit.renew", "years", 0, R.INVALID_VALUE),
    ("permit.renew", "years", 10**30, R.INVALID_VALUE),
    ("permit.confirm_payment", "amount_cents", -1, R.INVALID_VALUE),
    ("permit.confirm_payment", "amount_cents", 10**18, R.INVALID_VALUE),
    ("permit.confirm_payment", "amount_cents", False, R.WRONG_TYPE),
    ("consent.decide", "consent_version", 2**31, R.INVALID_VALUE),
    ("consent.decide", "schema_version", True, R.WRONG_TYPE),
    ("consent.decide", "schema_version", 2, R.INVALID_VALUE),
    ("consent.decide", "choice", "perhaps", R.INVALID_VALUE),
    ("consent.decide", "providers", [], R.INVALID_VALUE),
    ("consent.decide", "providers", "paybyphone", R.WRONG_TYPE),
    ("consent.decide", "providers.1", "Nobody?", R.INVALID_VALUE),
    ("consent.decide", "text", "1", R.WRONG_TYPE),
    ("consent.decide", "text.sha256", "A" * 64, R.INVALID_VALUE),
    ("permit.request", "verified.residence", True, R.WRONG_TYPE),
    ("permit.request", "verified.vehicle.plate", _REMOVE, R.MISSING_FIELD),
    ("permit.request", "verified.vehicle.register_name", _REMOVE, R.MISSING_FIELD),
    ("permit.change_vehicle", "verified.vehicle.profiles.0", "A", R.INVALID_VALUE),
    ("permit.change_address", "verified.residence.verified_at", "yesterday", R.INVALID_DATE),
    ("permit.change_address", "verified.address", {}, R.EXTRA_FIELD),
    ("permit.request", "schema_version", 3, R.INVALID_VALUE),
    ("permit.request", "schema_version", 2.0, R.WRONG_TYPE),
    ("permit.request", "zones", ["A"] * 9, R.TOO_LONG),
    ("permit.change_vehicle", "plate.raw", "A" * 300, R.TOO_LONG),
    ("permit.change_vehicle", "plate.raw", "", R.INVALID_VALUE),
    ("permit.change_vehicle", "plate.raw", "AA\0BB", R.INVALID_VALUE),
    ("permit.change_vehicle", "plate.raw", "AA\x1bBB", R.INVALID_VALUE),
    ("permit.change_vehicle", "plate.raw", 5, R.WRONG_TYPE),
    ("permit.change_vehicle", "plate.country", "France", R.INVALID_VALUE),
    ("permit.change_vehicle", "plate.country", "ZZ", R.INVALID_VALUE),
    ("permit.change_address", "address.label", "a\0b", R.INVALID_VALUE),
    ("permit.decide", "decided_by", "agent@example.fr", R.INVALID_VALUE),
    ("permit.decide", "reason", "a\0b", R.INVALID_VALUE),
    ("resident.update_contact", "name", "a\0b", R.INVALID_VALUE),
    ("resident.update_contact", "email", "nobody", R.INVALID_VALUE),
    ("resident.update_contact", "email", "a\0@example.fr", R.INVALID_VALUE),
    ("resident.export", "resident_id", "elodie@example.fr", R.INVALID_VALUE),
    ("resident.export", "resident_id", "r-1001\n", R.INVALID_VALUE),
    ("resident.export", "job_id", "not a uuid", R.INVALID_VALUE),
    ("resident.export", "job_id", 5, R.WRONG_TYPE),
    ("resident.export", "submitted_at", "2024-02-30T10:00:00Z", R.INVALID_DATE),
    ("resident.export", "submitted_at", "2024-02-20T10:00:00", R.INVALID_DATE),
    ("resident.export", "submitted_at", "9999-12-31T23:59:59Z", R.INVALID_DATE),
    ("resident.export", "submitted_at", "0001-01-01T00:00:00+14:00", R.INVALID_DATE),
    ("resident.export", "submitted_at", "1700000000", R.INVALID_DATE),
    ("resident.export", "submitted_at", 1_700_000_000, R.WRONG_TYPE),
    ("permit.import", "permits.0.requested_on", "2024-02-30", R.INVALID_DATE),
    ("permit.import", "permits.0.requested_on", "9999-12-31", R.INVALID_DATE),
    ("permit.import", "permits.0.requested_on", "2024-02-20T00:00:00", R.INVALID_DATE),
    ("permit.import", "permits.0.terms.0.last_day", "2024-13-01", R.INVALID_DATE),
    ("permit.import", "permits.0", [], R.WRONG_TYPE),
    ("permit.import", "permits", [], R.INVALID_VALUE),
]


@pytest.mark.parametrize(("kind", "path", "value", "code"), _BAD_FIELDS)
def test_a_bad_field_is_refused_by_code_and_path(kind: str, path: str, value: object, code: RefusalCode) -> None:
    refusal = _refusal(kind, _changed(kind, path, value))
    assert (refusal.code, refusal.field) == (code, path)
    assert refusal.job_id == (None if path == "job_id" else UUID(JOB_ID))


def test_a_term_that_ends_before_it_begins_is_an_invalid_date() -> None:
    raw = _changed("permit.import", "permits.0.terms.0.last_day", "2020-01-01")
    refusal = _refusal("permit.import", raw)
    assert (refusal.code, refusal.field) == (R.INVALID_DATE, "permits.0.terms.0")


def test_an_import_of_too_many_rows_is_too_long() -> None:
    job: Any = EXAMPLES["permit.import"]
    raw = _changed("permit.import", "permits", job["permits"] * (MAX_IMPORT_ROWS + 1))
    refusal = _refusal("permit.import", raw)
    assert (refusal.code, refusal.field) == (R.TOO_LONG, "permits")


def test_a_refusal_never_repeats_an_unknown_fields_name() -> None:
    refusal = _refusal("permit.change_vehicle", _changed("permit.change_vehicle", "plate.elodie@example", 1))
    assert (refusal.code, refusal.field) == (R.EXTRA_FIELD, "plate.*")


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "permit",
        "{",
        "{}{}",
        "\ufeff{}",
        "{'a': 1}",
        "[" * 100_000,
        '{"a":' * 400_000,
        '{"years": NaN}',
        '{"years": -Infinity}',
        '{"years": ' + "1" * 5_000 + "}",
        '{"resident_id": "\\ud800"}',
        '{"resident_id": "\ud800"}',
        '{"\\udc00": 1}',
        '{"a": "\n"}',
        "\0",
    ],
    ids=range(16),
)
def test_text_that_is_not_json_is_refused_as_not_json(raw: str) -> None:
    for kind in ("permit.renew", "permit.import"):
        if len(raw) <= MAX_JOB_BYTES:
            assert (_refusal(kind, raw).code, _refusal(kind, raw).field) == (R.NOT_JSON, None)
        else:
            assert _refusal(kind, raw).code is R.TOO_LARGE


@pytest.mark.parametrize("raw", ["null", "5", '"{}"', "[]", "[" * 150 + "]" * 150])
def test_json_that_is_not_an_object_is_refused_as_wrong_type(raw: str) -> None:
    assert (_refusal("permit.renew", raw).code, _refusal("permit.renew", raw).field) == (R.WRONG_TYPE, None)


def test_an_unknown_kind_is_refused_with_the_id_of_its_job() -> None:
    refusal = _refusal("permit.frame", json.dumps(EXAMPLES["permit.renew"]))
    assert (refusal.code, refusal.field, refusal.job_id) == (R.UNKNOWN_KIND, None, UUID(JOB_ID))


def test_the_size_counts_in_bytes_of_utf8() -> None:
    fits = '"' + "é" * (MAX_JOB_BYTES // 2 - 1) + '"'
    assert _refusal("permit.renew", fits).code is R.WRONG_TYPE
    assert _refusal("permit.renew", fits + " ").code is R.TOO_LARGE
    assert _refusal("permit.renew", " " * 5_000_000).code is R.TOO_LARGE


def test_a_repeated_key_is_refused() -> None:
    raw = json.dumps(EXAMPLES["consent.decide"])[:-1] + ', "choice": "refuse"}'
    refusal = _refusal("consent.decide", raw)
    assert (refusal.code, refusal.field, refusal.job_id) == (R.INVALID_VALUE, "choice", UUID(JOB_ID))


def test_a_megabyte_of_unknown_fields_is_refused_as_extra() -> None:
    job = EXAMPLES["permit.renew"] | {f"field{i}": i for i in range(40_000)}
    refusal = _refusal("permit.renew", json.dumps(job))
    assert (refusal.code, refusal.field, refusal.job_id) == (R.EXTRA_FIELD, "*", UUID(JOB_ID))


def test_the_first_fault_does_not_depend_on_key_order() -> None:
    job = EXAMPLES["permit.request"] | {"years": "x", "zones": 1, "nonsense": 1, "other": 2}
    del job["source"]
    there = _refusal("permit.request", json.dumps(job))
    back = _refusal("permit.request", json.dumps(dict(reversed(job.items()))))
    assert (there.code, there.field) == (back.code, back.field) == (R.MISSING_FIELD, "source")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(kind=st.sampled_from(list(KINDS)), field=st.sampled_from(list(EXAMPLES["permit.request"])), value=_JSON)
def test_any_value_is_accepted_or_refused_without_raising(kind: str, field: str, value: object) -> None:
    raw = json.dumps(EXAMPLES[kind] | {field: value})
    with contextlib.suppress(InvalidJobError):
        parse_job(kind, raw)


@given(kind=st.sampled_from(list(KINDS)), raw=st.text())
def test_any_text_is_accepted_or_refused_without_raising(kind: str, raw: str) -> None:
    with pytest.raises(InvalidJobError):
        parse_job(kind, raw)
