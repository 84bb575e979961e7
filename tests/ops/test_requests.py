"""`permit-hub requests` list, show, approve and reject, on a running stack with other tests' requests."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, text

from tests.support import claims
from tests.support.city import ADDRESS, City, plate

REASON = "Le justificatif est illisible."


@pytest.fixture
def asked(city: City) -> Callable[..., dict[str, Any]]:
    """Request a permit of which nothing is verified, so that an agent must decide."""

    def asked(**fields: Any) -> dict[str, Any]:
        request: dict[str, Any] = {
            "resident_id": f"r-{uuid4().hex[:8]}",
            "permit_id": uuid4(),
            "plate": {"raw": plate()},
            "profile": "standard",
            "years": 1,
            "address": ADDRESS,
            "zones": ["14A", "14B"],
        } | fields
        receipt = city.hub.submit("permit.request", **request)
        assert receipt.applied, receipt
        return request

    return asked


def card(city: City, request: dict[str, Any]) -> dict[str, Any]:
    space = city.hub.space(request["resident_id"])
    assert space is not None
    (found,) = space["cards"]
    return dict(found)


def row(printed: str, request: dict[str, Any]) -> list[str]:
    """Return the cells of a request's row."""
    short = str(request["permit_id"])[:8]
    (line,) = (line for line in printed.splitlines() if line.startswith(short))
    return re.split(r" {2,}", line.strip())


def test_requests_under_review_are_listed_with_what_is_in_doubt(
    city: City, asked: Callable[..., dict[str, Any]]
) -> None:
    known = claims.sent(datetime.now(UTC).date(), address=ADDRESS)
    first = asked(verified=known)
    second = asked(profile="two_wheeler", years=3)
    both = {"raw": plate()}
    asked(plate=both, verified=claims.sent(datetime.now(UTC).date(), plate=both, address=ADDRESS))
    listed = city.tells("requests", "list")
    assert listed["count"] == len(listed["requests"])
    assert [one["since"] for one in listed["requests"]] == sorted(one["since"] for one in listed["requests"])
    ours = {str(one["permit_id"]): one for one in (first, second)}
    told = {one["permit_id"]: one["doubts"] for one in listed["requests"] if one["permit_id"] in ours}
    assert told[str(first["permit_id"])] == [{"about": "vehicle", "fault": "unverified"}]
    assert [doubt["about"] for doubt in told[str(second["permit_id"])]] == ["residence", "vehicle", "vehicle_profile"]
    printed = city.prints("requests", "list")
    cells = ["permit", first["plate"]["raw"], "standard", "vehicle"]
    assert row(printed, first)[2:] == [first["resident_id"], *cells]


def test_a_change_of_vehicle_is_looked_at_as_the_permit_would_be(city: City) -> None:
    resident, new = city.resident(), plate()
    city.applied("permit.change_vehicle", resident, permit_id=resident.permit_id, plate={"raw": new}, verified={})
    printed = city.prints("requests", "show", resident.permit_id)
    for words in ("vehicle, since ", f"{new} (FR)", "vehicle: unverified"):
        assert words in printed
    assert city.space(resident.resident_id)["cards"][0]["plate"] == resident.plate
    city.prints("requests", "approve", resident.permit_id)
    shown = city.space(resident.resident_id)["cards"][0]
    assert (shown["plate"], shown["review"]) == (new, None)


def test_a_shortened_list_of_requests_says_so(city: City, asked: Callable[..., dict[str, Any]]) -> None:
    asked()
    asked()
    count = city.tells("requests", "list", "--limit", "1")["count"]
    assert city.prints("requests", "list", "--limit", "1").endswith(f"{count - 1:,} more: see --limit\n")


def test_a_request_is_shown_in_full(city: City, asked: Callable[..., dict[str, Any]]) -> None:
    other = {"raw": plate()}
    request = asked(years=3, verified=claims.sent(datetime.now(UTC).date(), plate=other))
    printed = city.prints("requests", "show", request["permit_id"])
    for words in (
        str(request["permit_id"]),
        request["resident_id"],
        f"{request['plate']['raw']} (FR)",
        "3 years",
        "90 €",
        ADDRESS["label"],
        "14A, 14B",
        f"vehicle {other['raw']} (FR)",
    ):
        assert words in printed
    assert re.findall(r"^in doubt +(.*?) *$", printed, re.MULTILINE) == ["residence: unverified", "vehicle: different"]
    told = city.tells("requests", "show", request["permit_id"])
    assert (told["permit_id"], told["price_cents"]) == (str(request["permit_id"]), 9000)
    assert told["verified"]["vehicle"]["plate"]["raw"] == other["raw"]


def test_an_agent_sees_a_plate_in_its_usual_spelling(city: City, asked: Callable[..., dict[str, Any]]) -> None:
    known = plate()
    request = asked(plate={"raw": "\u202e" + known.lower().replace("-", "*")})
    assert f"{known} (FR)" in city.prints("requests", "show", request["permit_id"])
    assert city.tells("requests", "show", request["permit_id"])["plate"] == known
    assert row(city.prints("requests", "list", "--limit", "100"), request)[4] == known


def test_markup_in_typed_text_is_printed_as_typed(city: City, asked: Callable[..., dict[str, Any]]) -> None:
    request = asked(address={"ban_id": "75114_1834_00010", "label": "[bold]1 rue :car: [/]"})
    assert "[bold]1 rue :car: [/]" in city.prints("requests", "show", request["permit_id"])


def test_an_approved_request_can_be_paid(city: City, asked: Callable[..., dict[str, Any]]) -> None:
    request = asked()
    printed = city.prints("requests", "approve", request["permit_id"])
    assert re.fullmatch(r"applied permit\.decide [0-9a-f-]{36} space version \d+\n", printed)
    assert card(city, request)["status"] == "awaiting_payment"
    assert str(request["permit_id"]) not in str(city.tells("requests", "list"))


def test_the_resident_sees_the_reason_of_a_rejection(city: City, asked: Callable[..., dict[str, Any]]) -> None:
    request = asked()
    receipt = city.tells("requests", "reject", request["permit_id"], "--reason", REASON)
    assert (receipt["kind"], receipt["outcome"]) == ("permit.decide", "applied")
    assert (card(city, request)["status"], card(city, request)["reason"]) == ("rejected", REASON)


def test_a_decision_is_recorded_with_the_command_line_as_its_source(
    city: City, asked: Callable[..., dict[str, Any]]
) -> None:
    request = asked()
    receipt = city.tells("requests", "approve", request["permit_id"])
    with_source = "SELECT source FROM jobs WHERE job_id = :job_id"
    assert query(city, with_source, job_id=UUID(receipt["job_id"])) == [("cli",)]


def test_auditors_see_who_decided_and_residents_do_not(city: City, asked: Callable[..., dict[str, Any]]) -> None:
    request = asked()
    city.tells("requests", "approve", request["permit_id"], "--by", "agent-42")
    latest = city.tells("requests", "decided", "--limit", "1")["decisions"][0]
    assert (latest["permit_id"], latest["decision"]) == (str(request["permit_id"]), "approve")
    assert (latest["decided_by"], latest["source"]) == ("agent-42", "cli")
    assert "agent-42" in city.prints("requests", "decided")
    assert "agent-42" not in json.dumps(city.hub.space(request["resident_id"]))
    assert "agent-42" not in json.dumps(city.hub.history(request["resident_id"]))


@pytest.mark.parametrize("typed", [lambda full: full[:8], lambda full: full[:13], lambda full: full.upper()])
def test_the_beginning_of_a_permits_id_is_enough(
    city: City, asked: Callable[..., dict[str, Any]], typed: Callable[[str], str]
) -> None:
    request = asked()
    told = city.tells("requests", "show", typed(str(request["permit_id"])))
    assert told["permit_id"] == str(request["permit_id"])


def test_a_beginning_of_two_permits_ids_is_refused(city: City, asked: Callable[..., dict[str, Any]]) -> None:
    begins = uuid4().hex[:8]
    two = [asked(permit_id=UUID(begins + uuid4().hex[8:])) for _ in range(2)]
    ambiguous = "More than one permit's id begins so: type more of it."
    assert failing(city, "approve", begins, code=2) == f"{ambiguous}\n"
    assert {card(city, one)["status"] for one in two} == {"submitted"}
    assert city.tells("requests", "approve", begins, code=2) == {"error": "ambiguous", "message": ambiguous}
    printed = city.prints("requests", "list")
    rows = [line.split()[0] for line in printed.splitlines() if line.startswith(begins)]
    assert len({*rows}) == len(rows) == 2  # written out until they differ


def test_a_beginning_that_also_fits_a_decided_permit_is_refused(
    city: City, asked: Callable[..., dict[str, Any]]
) -> None:
    begins = uuid4().hex[:8]
    decided, other = (asked(permit_id=UUID(begins + uuid4().hex[8:])) for _ in range(2))
    city.prints("requests", "approve", decided["permit_id"])
    assert city.tells("requests", "approve", begins, code=2)["error"] == "ambiguous"
    assert card(city, other)["status"] == "submitted"


@pytest.mark.parametrize("command", [("show",), ("approve",), ("reject", "--reason", REASON)], ids=lambda c: c[0])
def test_a_permit_that_is_not_under_review_is_neither_shown_nor_decided(
    city: City, asked: Callable[..., dict[str, Any]], command: Any
) -> None:
    active = city.resident()
    name, *options = command
    words = f"{active.permit_id} is not under review: it is active."
    assert failing(city, name, active.permit_id, *options) == f"{words}\n"
    told = city.tells("requests", name, active.permit_id, *options, code=1)
    assert told == {"error": "not_under_review", "message": words}
    assert city.tells("requests", name, uuid4(), *options, code=1)["error"] == "unknown_permit"
    assert failing(city, name, uuid4(), *options) == "There is no such permit.\n"


def test_a_second_decision_on_a_request_is_not_sent(city: City, asked: Callable[..., dict[str, Any]]) -> None:
    request = asked()
    city.prints("requests", "reject", request["permit_id"], "--reason", REASON)
    assert failing(city, "approve", request["permit_id"]).endswith("is not under review: it is rejected.\n")


@pytest.mark.parametrize(
    ("reason", "error", "words"),
    [
        ("", "reason_required", "Say why: the resident reads it."),
        ("  \n", "reason_required", "Say why: the resident reads it."),
        ("x" * 501, "too_long", "Not sent: too_long (reason)."),
        ("a\x1b[1mb", "invalid_value", "Not sent: invalid_value (reason)."),
    ],
    ids=["none", "blank", "too long", "a control character"],
)
def test_an_empty_or_malformed_reason_is_not_sent(
    city: City, asked: Callable[..., dict[str, Any]], reason: str, error: str, words: str
) -> None:
    request = asked()
    assert failing(city, "reject", request["permit_id"], "--reason", reason, code=2) == f"{words}\n"
    told = city.tells("requests", "reject", request["permit_id"], "--reason", reason, code=2)
    assert told == {"error": error, "message": words}
    assert card(city, request)["status"] == "submitted"


def failing(city: City, *arguments: object, code: int = 1) -> str:
    """Run a command that fails; return its message on standard error, and check that it prints nothing else."""
    ended = city.permit_hub("requests", *arguments)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr


def query(city: City, statement: str, **values: object) -> list[tuple[Any, ...]]:
    engine = create_engine(city.environment["PERMIT_HUB_DATABASE_URL"])
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]
    finally:
        engine.dispose()
