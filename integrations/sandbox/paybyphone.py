"""PayByPhone's side of its contract (integrations/paybyphone/README.md)."""

from uuid import UUID

from integrations.sandbox.dialect import Dialect
from integrations.sandbox.records import (
    MOST_ZONES,
    Answer,
    Flaw,
    Record,
    Sent,
    country,
    day,
    items,
    members,
    period,
    plate,
    profile,
    zones,
)

TYPES = {
    Flaw.PLATE: "LicensePlateInvalidFormat",
    Flaw.COUNTRY: "CountryNotSupported",
    Flaw.ZONE: "LocationNotFound",
    Flaw.PROFILE: "RateOptionNotFound",
    Flaw.PERIOD: "InvalidPeriod",
}


class PayByPhone(Dialect):
    """Eligibilities by our reference."""

    resource = "/eligibilities/"

    def authorised(self, sent: Sent) -> bool:
        """Look for the bearer key and the version of the interface."""
        return sent.headers.get("Authorization") == f"Bearer {self.key}" and sent.headers.get("X-Pbp-Version") == "2"

    def read(self, reference: UUID, document: object) -> Record:
        """Read an eligibility."""
        vehicle, locations, kind, start, end = members(
            document, "vehicle", "locations", "eligibilityType", "validFrom", "validTo"
        )
        registration, issuer = members(vehicle, "licensePlate", "countryCode")
        return Record(
            plate(registration),
            country(issuer),
            zones(items(locations, at_most=MOST_ZONES)),
            profile(kind),
            *period(day(start), day(end)),
        )

    def stored(self, reference: UUID) -> Answer:
        """Answer with the id."""
        return Answer(200, {"eligibilityId": str(reference)})

    def removed(self, reference: UUID) -> Answer:
        """Answer with the id."""
        return Answer(200, {"eligibilityId": str(reference)})

    def unknown(self) -> Answer:
        """Answer EligibilityNotFound."""
        return Answer(404, {"errorType": "EligibilityNotFound"})

    def unauthorised(self) -> Answer:
        """Answer Unauthorized."""
        return Answer(401, {"errorType": "Unauthorized"})

    def refused(self, flaw: Flaw) -> Answer:
        """Answer with an error type."""
        return Answer(400, {"errorType": TYPES.get(flaw, "InvalidRequest")})
