"""The shapes and limits that every message shares."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints


class Message(BaseModel):
    """A frozen message that refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=2_000, allow_inf_nan=False)


def _not_far_away(value: datetime) -> datetime:
    """Refuse moments that no clock of a city could have shown: they overflow when converted between zones."""
    if not 2000 <= value.year <= 2200:
        raise ValueError("out of range")
    return value


# Opaque ids that upstream gives; no e-mail address or plate fits an id that a city could mean here.
ResidentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,31}$")]
SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]  # ISO 3166-1 alpha-2
Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,10}$")]  # ten characters: the tightest provider
Profile = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Moment = Annotated[AwareDatetime, AfterValidator(_not_far_away)]
