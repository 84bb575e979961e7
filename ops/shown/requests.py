"""Requests under review: as JSON, as a list, and one in full."""

from collections.abc import Sequence
from datetime import tzinfo
from uuid import UUID

from ops.shown.space import price
from ops.shown.tables import details, print_left_out, table
from ops.shown.terminal import results
from ops.shown.times import day, to_the_minute
from worker.db.jobs.agent_decisions import AgentDecision
from worker.db.jobs.requests import Request
from worker.domain.permit import NewTerm, Permit
from worker.domain.plate_looks import shown

SHORTEST = 8  # characters of an id that are unique almost always
VERIFIABLE = ("residence", "vehicle")


def document(request: Request) -> dict[str, object]:
    """Return a request as one JSON object."""
    permit, term = request.permit, _term(request.permit)
    return {
        "permit_id": permit.permit_id,
        "resident_id": permit.resident_id,
        "requested_on": permit.requested_on,
        "asked_at": request.asked_at,
        "plate": shown(permit.plate),
        "country": permit.plate.country,
        "profile": permit.profile,
        "years": term.years,
        "price_cents": term.price_cents,
        "address": permit.address.label,
        "zones": permit.zones,
        "verified": permit.verified and permit.verified.model_dump(),
        "not_verified": _unverified(permit),
    }


def print_list(found: Sequence[Request], count: int) -> None:
    """Print requests as a table of 80 columns, with ids as short as they are unique."""
    console = results()
    if not found:
        console.print("No requests under review.")
        return
    length = _unique_length([request.permit.permit_id for request in found])
    made = table(
        f"Under review: {count:,}",
        *("permit", "asked on", "resident", "plate", "profile", "years", "not verified"),
        right=frozenset({"years"}),
    )
    for request in found:
        permit = request.permit
        made.add_row(
            str(permit.permit_id)[:length],
            day(permit.requested_on),
            permit.resident_id,
            shown(permit.plate),
            permit.profile,
            str(_term(permit).years),
            ", ".join(_unverified(permit)),
        )
    console.print(made)
    print_left_out(console, count - len(found))


def print_decided(found: Sequence[AgentDecision], zone: tzinfo) -> None:
    """Print decisions of agents as a table."""
    console = results()
    if not found:
        console.print("No agent has decided anything yet.")
        return
    made = table("Decided by agents", "when", "permit", "decision", "by", "source")
    for one in found:
        when = to_the_minute(one.recorded_at, zone)
        made.add_row(when, str(one.permit_id), one.decision, one.decided_by, one.source)
    console.print(made)


def print_one(request: Request, zone: tzinfo) -> None:
    """Print one request in full; times in the city's zone."""
    permit, term = request.permit, _term(request.permit)
    unverified = _unverified(permit)
    made = details()
    for label, value in (
        ("permit", str(permit.permit_id)),
        ("resident", permit.resident_id),
        ("asked at", to_the_minute(request.asked_at, zone)),
        ("plate", f"{shown(permit.plate)} ({permit.plate.country})"),
        ("profile", permit.profile),
        ("term", f"{term.years} {'year' if term.years == 1 else 'years'}, {price(term.price_cents)}"),
        ("address", permit.address.label),
        ("zones", ", ".join(permit.zones)),
        ("verified", ", ".join(one for one in VERIFIABLE if one not in unverified) or "nothing"),
        ("not verified", ", ".join(unverified) or "nothing"),
    ):
        made.add_row(label, value)
    results().print(made)


def _unique_length(permit_ids: Sequence[UUID]) -> int:
    """Return how many first characters are unique among these ids."""
    return next(
        length for length in range(SHORTEST, 37) if len({str(one)[:length] for one in permit_ids}) == len(permit_ids)
    )


def _unverified(permit: Permit) -> list[str]:
    return [name for name in VERIFIABLE if permit.verified is None or not getattr(permit.verified, name)]


def _term(permit: Permit) -> NewTerm:
    assert isinstance(permit.pending, NewTerm)  # it is what a request waits for
    return permit.pending
