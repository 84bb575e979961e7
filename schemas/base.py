"""The shapes and limits that all messages share."""

import re
from datetime import date, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

D = TypeVar("D", date, datetime)

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", re.ASCII)


class Message(BaseModel):
    """A frozen message that refuses unknown fields."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        str_max_length=2_000,
        allow_inf_nan=False,
        json_schema_serialization_defaults_required=True,  # what the hub writes has all its fields
        use_attribute_docstrings=True,
    )


def _read_moment(value: object) -> object:
    """Read a moment in RFC 3339; pydantic alone would also accept a number of seconds in quotes."""
    if not isinstance(value, str):
        return value
    try:
        if _RFC_3339.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("datetime_parsing", "not a moment")


def _not_far_away(value: D) -> D:
    """Refuse years far away, which overflow in conversions and sums; no city's clock shows them."""
    if not 1900 <= value.year <= 2200:
        raise PydanticCustomError("date_out_of_range", "out of range")
    return value


# Opaque ids that upstream gives; an e-mail address does not fit.
ResidentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,31}$")]
AgentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]
Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,10}$")]  # ten characters: the tightest provider
Profile = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Moment = Annotated[AwareDatetime, BeforeValidator(_read_moment), AfterValidator(_not_far_away)]
Day = Annotated[date, AfterValidator(_not_far_away)]
# PostgreSQL stores no U+0000; other control characters have no place in text for people.
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Paragraphs = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]
# Copied text may bring tabs and line ends along.
Copied = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]*$")]
