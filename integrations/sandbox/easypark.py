"""EasyPark's side of its contract (integrations/easypark/README.md)."""

from uuid import UUID

from integrations.sandbox.dialect import Dialect
from integrations.sandbox.records import (
    MOST_ZONES,
    Answer,
    Flaw,
    Record,
    RefusedError,
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

NUMBERS = {Flaw.PLATE: 1101, Flaw.COUNTRY: 1102, Flaw.ZONE: 1103, Flaw.PROFILE: 1104, Flaw.PERIOD: 1105}
MALFORMED = 1000


class EasyPark(Dialect):
    """Registrations by external reference."""

    resource = "/registrations/"

    def authorised(self, sent: Sent) -> bool:
        """Look for the key in `x-api-key`."""
        return sent.headers.get("x-api-key") == self.key

    def read(self, reference: UUID, document: object) -> Record:
        """Read a registration."""
        external, registration, issuer, locations, kind, start, end = members(
            document,
            "externalReferenceId",
            "licensePlate",
            "licensePlateCountry",
            "locationCode",
            "profile",
            "startDate",
            "endDate",
        )
        if external != str(reference):
            raise RefusedError(Flaw.REFERENCE)
        return Record(
            plate(registration),
            country(issuer),
            zones(items(locations, at_most=MOST_ZONES)),
            profile(kind),
            *period(day(start), day(end)),
        )

    def stored(self, reference: UUID) -> Answer:
        """Answer with the reference and its status."""
        return Answer(200, {"externalReferenceId": str(reference), "status": "ACTIVE"})

    def removed(self, reference: UUID) -> Answer:
        """Answer with nothing."""
        return Answer(204)

    def unknown(self) -> Answer:
        """Answer 2001."""
        return Answer(404, {"errorCode": 2001, "errorMessage": "Registration not found"})

    def unauthorised(self) -> Answer:
        """Answer 1001."""
        return Answer(401, {"errorCode": 1001, "errorMessage": "Invalid API key"})

    def refused(self, flaw: Flaw) -> Answer:
        """Answer with a number."""
        return Answer(400, {"errorCode": NUMBERS.get(flaw, MALFORMED), "errorMessage": "Invalid registration"})
