"""Requests and changes under review: as JSON, as a list, and one in full."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from uuid import UUID

from ops.shown.space import price
from ops.shown.tables import details, print_left_out, table
from ops.shown.terminal import results
from ops.shown.times import day, to_the_minute
from schemas.verified import Claim, Verified
from worker.db.jobs.agent_decisions import AgentDecision
from worker.domain.permit import NewAddress, NewTerm, NewVehicle, Pending, Permit, Review
from worker.domain.plate_looks import shown

SHORTEST = 8  # characters of an id that are unique almost always
_ASKED_FOR = {"new_term": "permit", "new_vehicle": "vehicle", "new_address": "address"}


def looked_at(permit: Permit) -> Pending:
    """Return what is under review."""
    assert permit.pending is not None
    return permit.pending


def document(permit: Permit) -> dict[str, object]:
    """Return a request or a change as one JSON object, as it would be if it was approved."""
    pending, review, asked = looked_at(permit), _review(permit), _asked(permit)
    return {
        "permit_id": permit.permit_id,
        "resident_id": permit.resident_id,
        "requested_on": permit.requested_on,
        "kind": pending.kind,
        "debt_id": pending.debt_id,
        "since": review.since,
        "plate": shown(asked.plate),
        "country": asked.plate.country,
        "profile": permit.profile,
        "years": pending.years if isinstance(pending, NewTerm) else None,
        "price_cents": pending.price_cents,
        "address": asked.address.label,
        "zones": asked.zones,
        "verified": _verified(permit).model_dump(mode="json", exclude_none=True),
        "doubts": [doubt.model_dump() for doubt in review.doubts],
    }


def print_list(found: Sequence[Permit], count: int) -> None:
    """Print requests and changes as a table of 80 columns, with ids as short as they are unique."""
    console = results()
    if not found:
        console.print("Nothing is under review.")
        return
    length = _unique_length([permit.permit_id for permit in found])
    made = table(
        f"Under review: {count:,}",
        *("permit", "since", "resident", "asks for", "plate", "profile", "in doubt"),
    )
    for permit in found:
        review = _review(permit)
        made.add_row(
            str(permit.permit_id)[:length],
            day(review.since),
            permit.resident_id,
            _ASKED_FOR[looked_at(permit).kind],
            shown(_asked(permit).plate),
            permit.profile,
            ", ".join(doubt.about.value for doubt in review.doubts),
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


def print_one(permit: Permit) -> None:
    """Print a request or a change in full: what is asked for, what was verified, and what is in doubt."""
    pending, review, asked = looked_at(permit), _review(permit), _asked(permit)
    made = details()
    for label, value in (
        ("permit", str(permit.permit_id)),
        ("resident", permit.resident_id),
        ("asks for", f"{_ASKED_FOR[pending.kind]}, since {day(review.since)}"),
        ("plate", f"{shown(asked.plate)} ({asked.plate.country})"),
        ("profile", permit.profile),
        *([("term", _term(pending))] if isinstance(pending, NewTerm) else []),
        ("price", price(pending.price_cents)),
        ("address", f"{asked.address.label} ({asked.address.ban_id})"),
        ("zones", ", ".join(asked.zones)),
        *(("verified", said) for said in _said(_verified(permit)) or ["nothing"]),
        *(("in doubt", f"{doubt.about}: {doubt.fault}") for doubt in review.doubts),
    ):
        made.add_row(label, value)
    results().print(made)


def _unique_length(permit_ids: Sequence[UUID]) -> int:
    """Return how many first characters are unique among these ids."""
    return next(
        length for length in range(SHORTEST, 37) if len({str(one)[:length] for one in permit_ids}) == len(permit_ids)
    )


def _review(permit: Permit) -> Review:
    assert permit.review is not None
    return permit.review


def _asked(permit: Permit) -> Permit:
    """Return a permit with what is under review."""
    match looked_at(permit):
        case NewVehicle(plate=plate):
            return replace(permit, plate=plate)
        case NewAddress(address=address, zones=zones):
            return replace(permit, address=address, zones=zones)
        case _:
            return permit


def _verified(permit: Permit) -> Verified:
    """Return what upstream had verified of what is under review."""
    match looked_at(permit):
        case NewVehicle(verified=vehicle):
            return Verified(vehicle=vehicle)
        case NewAddress(verified=residence):
            return Verified(residence=residence)
        case _:
            return permit.verified or Verified()


def _term(term: NewTerm) -> str:
    return f"{term.years} {'year' if term.years == 1 else 'years'}"


def _said(verified: Verified) -> list[str]:
    """Return what each register said, a line each."""
    said: list[tuple[Claim, str]] = []
    if (vehicle := verified.vehicle) is not None:
        entitles = f", for {', '.join(vehicle.profiles)}" if vehicle.profiles else ""
        said.append((vehicle, f"vehicle {vehicle.plate.raw} ({vehicle.plate.country}){entitles}"))
    if verified.residence is not None:
        said.append((verified.residence, f"residence {verified.residence.ban_id}"))
    if verified.income is not None:
        said.append((verified.income, f"income, for {', '.join(verified.income.profiles)}"))
    return [f"{words}, by {claim.register_name} on {day(claim.verified_at.date())}" for claim, words in said]
