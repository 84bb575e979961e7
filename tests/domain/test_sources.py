"""Who may send which jobs: a signature proves a source, and covers all that is said."""

import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from schemas.receipts import RefusalCode as Code
from worker.domain import sources
from worker.domain.refusal import JobRefusedError
from worker.domain.sources import AHEAD, DOCUMENT_WAITS, WAITS, Sources, SourcesError, key_id, load, sign

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
KEY, NEXT, OTHER = b"k" * 32, b"n" * 40, b"o" * 32
KIND, ID, TEXT = "permit.renew", uuid4(), '{"years":1,"source":"portal"}'
FILES = {"portal.key": KEY, "portal-next.key": NEXT + b"\n", "payments.key": OTHER}
SOURCES = """
[portal]
keys = ["portal.key", "portal-next.key"]
kinds = ["permit.renew", "consent.decide", "space.history"]
residents = ["p-", "q-"]

[payments]
keys = ["payments.key"]
kinds = ["permit.confirm_payment"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, key in FILES.items():
        (tmp_path / name).write_bytes(key)
    return tmp_path


@pytest.fixture
def known(folder: Path) -> Sources:
    return loaded(folder, SOURCES)


def loaded(folder: Path, text: str) -> Sources:
    (folder / "sources.toml").write_text(text)
    return load(folder / "sources.toml")


def refusal(
    known: Sources, signature: str | None, kind: str = KIND, task_id: UUID = ID, text: str = TEXT
) -> tuple[str, str | None]:
    with pytest.raises(JobRefusedError) as refused:
        known.signer(kind, task_id, text, signature, NOW)
    return refused.value.code, refused.value.field


@pytest.mark.parametrize("key", [KEY, NEXT], ids=["the key", "the next key"])
def test_each_key_of_a_source_proves_it(known: Sources, key: bytes) -> None:
    assert known.signer(KIND, ID, TEXT, sign(key, "portal", KIND, ID, TEXT, NOW), NOW).name == "portal"


def test_the_signature_is_the_one_that_the_documents_give(tmp_path: Path) -> None:
    key, task_id = b"0123456789abcdef0123456789abcdef", UUID("4f8a5d0e-6f43-4d50-9a4b-6d2b2f5a7c11")
    text, at = f'{{"job_id":"{task_id}","plate":"é"}}', datetime.fromtimestamp(1_764_571_200, UTC)
    signed = sign(key, "my-portal", "consent.decide", task_id, text, at)
    assert signed == (
        "v1 my-portal 97fd07fa1c42d1fe 1764571200000 410daef61488527e4be564b6bbaee24d17fec302d834d5533ba28d2aeea3fcff"
    )
    document = (Path(__file__).parents[2] / "docs" / "upstream.md").read_text()
    asked = sign(key, "my-portal", "space.history", task_id, "r-1001", at)
    assert all(part in document for part in (signed, asked, key.decode(), text))


@pytest.mark.parametrize(
    "other",
    [{"kind": "consent.decide"}, {"task_id": uuid4()}, {"text": TEXT + " "}, {"text": TEXT.replace("1", "2")}],
    ids=["another kind", "another id", "a space", "a digit"],
)
def test_it_proves_nothing_about_another_message(known: Sources, other: dict[str, object]) -> None:
    signed = sign(KEY, "portal", KIND, ID, TEXT, NOW)
    assert refusal(known, signed, **other) == (Code.SIGNATURE_INVALID, "signature")  # type: ignore[arg-type]


@pytest.mark.parametrize("part", range(1, 5))
def test_no_part_of_it_can_be_exchanged(known: Sources, part: int) -> None:
    mine = sign(KEY, "portal", KIND, ID, TEXT, NOW).split()
    others = sign(OTHER, "payments", KIND, ID, TEXT, NOW - timedelta(seconds=1)).split()
    forged = [*mine[:part], others[part], *mine[part + 1 :]]
    code, _ = refusal(known, " ".join(forged))
    assert code in {Code.SIGNATURE_INVALID, Code.UNKNOWN_KEY}


@pytest.mark.parametrize(
    ("key", "source", "code", "field"),
    [
        (b"x" * 32, "portal", Code.UNKNOWN_KEY, "signature"),
        (OTHER, "portal", Code.UNKNOWN_KEY, "signature"),
        (KEY, "elsewhere", Code.UNKNOWN_SOURCE, "source"),
        (OTHER, "payments", Code.KIND_NOT_ALLOWED, "source"),
    ],
)
def test_a_stranger_and_a_source_that_may_not_are_told_apart(
    known: Sources, key: bytes, source: str, code: Code, field: str
) -> None:
    assert refusal(known, sign(key, source, KIND, ID, TEXT, NOW)) == (code, field)


@pytest.mark.parametrize(
    "signature",
    ["", "v1", "v2 portal 0 0 0", "v1 portal " + "0" * 16 + " 1 " + "g" * 64, "v1  portal", "é", "v1 portal\n"],
)
def test_what_is_no_signature_is_refused(known: Sources, signature: str) -> None:
    assert refusal(known, signature) == (Code.SIGNATURE_INVALID, "signature")


def test_an_unsigned_job_is_refused(known: Sources) -> None:
    assert refusal(known, None) == (Code.SIGNATURE_MISSING, "signature")


def test_a_request_for_a_document_holds_for_minutes_alone_and_for_its_own_residents(known: Sources) -> None:
    signed = sign(KEY, "portal", "space.history", ID, "p-1", NOW - DOCUMENT_WAITS)
    known.signer("space.history", ID, "p-1", signed, NOW).check_resident("p-1")
    with pytest.raises(JobRefusedError) as refused:
        known.known["portal"].check_resident("r-p-1")
    assert refused.value.code == Code.RESIDENT_NOT_ALLOWED
    late = sign(KEY, "portal", "space.history", ID, "p-1", NOW - DOCUMENT_WAITS - timedelta(seconds=1))
    assert refusal(known, late, "space.history", text="p-1") == (Code.SIGNATURE_EXPIRED, "signature")
    assert refusal(known, signed, "space.history", text="p-2") == (Code.SIGNATURE_INVALID, "signature")
    assert refusal(known, signed, "space.publish", text="p-1") == (Code.SIGNATURE_INVALID, "signature")
    other = sign(KEY, "portal", "space.publish", ID, "p-1", NOW)
    assert refusal(known, other, "space.publish", text="p-1") == (Code.KIND_NOT_ALLOWED, "source")


@pytest.mark.parametrize(
    ("age", "code"),
    [
        (WAITS - timedelta(seconds=1), None),
        (WAITS + timedelta(seconds=1), Code.SIGNATURE_EXPIRED),
        (-AHEAD + timedelta(seconds=1), None),
        (-AHEAD - timedelta(seconds=1), Code.SIGNATURE_EXPIRED),
        (timedelta(hours=-1), Code.SIGNATURE_EXPIRED),
    ],
)
def test_it_holds_while_a_job_may_wait_and_for_clocks_that_differ_a_little(
    known: Sources, age: timedelta, code: Code | None
) -> None:
    signed = sign(KEY, "portal", KIND, ID, TEXT, NOW - age)
    if code is None:
        assert known.signer(KIND, ID, TEXT, signed, NOW)
    else:
        assert refusal(known, signed) == (code, "signature")


def test_a_time_that_no_clock_shows_is_refused(known: Sources) -> None:
    late = "9" * 14
    said = "\n".join([sources.VERSION, "portal", KIND, "jobs", str(ID), late, TEXT]).encode()
    signed = f"{sources.VERSION} portal {key_id(KEY)} {late} {hmac.digest(KEY, said, 'sha256').hex()}"
    assert refusal(known, signed) == (Code.SIGNATURE_EXPIRED, "signature")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[portal\n", "line 1"),
        ('[portal]\nkinds = ["permit.renew"]', "portal.keys: Field required"),
        ('[portal]\nkeys = []\nkinds = ["permit.renew"]', "portal.keys: Tuple should have at least 1 item"),
        ('[portal]\nkeys = ["portal.key"]\nkinds = ["permit.steal"]', "unknown kind of job"),
        ('[portal]\nkeys = ["portal.key"]\nkinds = []', "portal.kinds"),
        ('[Portal]\nkeys = ["portal.key"]\nkinds = ["permit.renew"]', "Portal"),
        ('[portal]\nkeys = ["none.key"]\nkinds = ["permit.renew"]', "portal.keys: none.key: No such file"),
        ('[portal]\nkeys = ["short.key"]\nkinds = ["permit.renew"]', "portal.keys: short.key: shorter than 32"),
        ('[portal]\nkeys = ["portal.key"]\nkinds = ["permit.renew"]\nrights = 1', "portal.rights: Extra inputs"),
        (SOURCES + '[third]\nkeys = ["portal.key"]\nkinds = ["permit.renew"]', "a key is used twice"),
    ],
)
def test_a_wrong_file_is_named_by_its_fault_and_shows_no_key(folder: Path, text: str, said: str) -> None:
    (folder / "short.key").write_text("hunter2")
    with pytest.raises(SourcesError) as error:
        loaded(folder, text)
    assert said in str(error.value)
    assert "hunter2" not in str(error.value)
    assert KEY.decode() not in repr(error.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourcesError, match="No such file"):
        load(tmp_path / "sources.toml")


def test_keys_are_not_shown(known: Sources) -> None:
    assert KEY.decode() not in repr(known)
    assert KEY.decode() not in sign(KEY, "portal", KIND, ID, TEXT, NOW)
