"""A change that waits for a decision or a payment, kept apart from the permit until then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import ConfigDict, Field, TypeAdapter

from schemas.verified import Doubt, VerifiedResidence, VerifiedVehicle
from worker.domain.plates import Plate


@dataclass(frozen=True, slots=True)
class Address:
    """A main address: its identifier in the national address base, and its words."""

    ban_id: str = field(repr=False)
    label: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Review:
    """Since when a change is under review, and what is in doubt."""

    since: date
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True)
class NewTerm:
    """A first term, or a renewal; its price in cents was fixed when it was requested.

    `pay_by` is the last day on which it can be paid; None while the request is under review. `debt_id` names the debt
    of this change alone: no other change has the same, even at the same price on the same day. `review` is None unless
    it is the request of a permit that is under review.
    """

    years: int
    price_cents: int
    pay_by: date | None = None
    review: Review | None = None
    debt_id: UUID = field(default_factory=uuid4, compare=False)
    kind: Literal["new_term"] = "new_term"


@dataclass(frozen=True, slots=True)
class NewVehicle:
    """A change of vehicle under review; it costs nothing. `verified` is what upstream had verified about it."""

    plate: Plate
    verified: VerifiedVehicle | None = field(repr=False)
    review: Review | None = None
    price_cents: Literal[0] = 0
    pay_by: None = None
    debt_id: UUID = field(default_factory=uuid4, compare=False)
    kind: Literal["new_vehicle"] = "new_vehicle"


@dataclass(frozen=True, slots=True)
class NewAddress:
    """A change of address; its price in cents was fixed when it was requested. `pay_by` is the last day to pay it.

    `debt_id` is as in `NewTerm`. `verified` is what upstream had verified about it.
    """

    address: Address
    zones: tuple[str, ...] = field(repr=False)
    price_cents: int
    pay_by: date | None = None
    verified: VerifiedResidence | None = field(default=None, repr=False)
    review: Review | None = None
    debt_id: UUID = field(default_factory=uuid4, compare=False)
    kind: Literal["new_address"] = "new_address"


Pending = NewTerm | NewVehicle | NewAddress

_PENDING: TypeAdapter[Pending] = TypeAdapter(
    Annotated[Pending, Field(discriminator="kind")], config=ConfigDict(hide_input_in_errors=True)
)


def as_json(pending: Pending) -> dict[str, object]:
    """Return a pending change as plain JSON values, for storing."""
    values: dict[str, object] = _PENDING.dump_python(pending, mode="json")
    return values


def from_json(values: Mapping[str, object]) -> Pending:
    """Read what `as_json` wrote."""
    return _PENDING.validate_python(values)
