"""What upstream has verified, and what is still to be looked at."""

from enum import StrEnum
from typing import Annotated

from pydantic import FailFast, Field, StringConstraints

from schemas.base import Copied, Line, Message, Moment, Profile
from schemas.countries import CountryCode

Profiles = Annotated[tuple[Profile, ...], FailFast(), Field(max_length=8)]


class Plate(Message):
    """A registration as the resident typed it, and its country: an ISO 3166-1 code, or a vehicle's sign such as `D`.

    At most 20 letters and digits; separators and invisible characters do not count.
    """

    raw: Annotated[Copied, StringConstraints(min_length=1, max_length=100)]
    country: CountryCode = "FR"


BanId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,40}$")]


class Claim(Message):
    """What a register said about the resident, and when it was asked."""

    register_name: Annotated[Line, StringConstraints(min_length=1, max_length=60)]
    verified_at: Moment


class VerifiedVehicle(Claim):
    """A vehicle of the resident's, by its plate, and the profiles that it entitles to."""

    plate: Plate
    profiles: Profiles = ()


class VerifiedResidence(Claim):
    """A main address of the resident's, by its identifier in the national address base."""

    ban_id: BanId


class VerifiedIncome(Claim):
    """The profiles that the resident's income entitles to."""

    profiles: Profiles


class Verified(Message):
    """What upstream has verified, with the resident signed in; what is left out is not verified."""

    vehicle: VerifiedVehicle | None = None
    residence: VerifiedResidence | None = None
    income: VerifiedIncome | None = None


class Verifiable(StrEnum):
    """What a profile may require to be verified."""

    RESIDENCE = "residence"
    VEHICLE = "vehicle"
    VEHICLE_PROFILE = "vehicle_profile"  # that the vehicle entitles to the profile
    INCOME = "income"


class Fault(StrEnum):
    """Why something does not count as verified."""

    UNVERIFIED = "unverified"
    DIFFERENT = "different"  # something else was verified than what is asked for
    OUTDATED = "outdated"


class Doubt(Message):
    """What is under review, and why."""

    about: Verifiable
    fault: Fault
