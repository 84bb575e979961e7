"""A request under review as the operator's side shows it: as a JSON object, in a list, in full."""

from collections.abc import Sequence
from datetime import tzinfo
from uuid import UUID

from rich.console import Console
from rich.table import Table

from ops.commands.printed import table, to_the_minute
from ops.screen import day, price
from worker.db.jobs.requests import Request
from worker.domain.permit import NewTerm, Permit
from worker.domain.plate_looks import shown

SHORTEST = 8  # characters of an id that almost always tell it from all others
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
    """Print requests as a table of 80 columns, where ids are as short as they can be told apart."""
    console = _console()
    if not found:
        console.print("No requests under review.")
        return
    length = _told_apart([request.permit.permit_id for request in found])
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
    if count > len(found):
        console.print(f"{count - len(found):,} more: see --limit", style="dim")


def print_one(request: Request, zone: tzinfo) -> None:
    """Print one request in full; times in the city's zone."""
    permit, term = request.permit, _term(request.permit)
    unverified = _unverified(permit)
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim")
    made.add_column(overflow="fold")
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
    _console().print(made)


def _told_apart(permit_ids: Sequence[UUID]) -> int:
    """Return how many characters tell these ids apart."""
    return next(
        length for length in range(SHORTEST, 37) if len({str(one)[:length] for one in permit_ids}) == len(permit_ids)
    )


def _unverified(permit: Permit) -> list[str]:
    return [name for name in VERIFIABLE if permit.verified is None or not getattr(permit.verified, name)]


def _term(permit: Permit) -> NewTerm:
    assert isinstance(permit.pending, NewTerm)  # it is what a request waits for
    return permit.pending


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)  # plates and addresses are what people typed
