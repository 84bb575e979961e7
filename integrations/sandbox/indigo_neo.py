"""Indigo Neo's side of its contract (integrations/indigo_neo/README.md)."""

from datetime import UTC, date, datetime, time, timedelta
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
    items,
    members,
    period,
    plate,
    profile,
    text,
    zones,
)

PROBLEMS = {
    Flaw.PLATE: "invalid-credential",
    Flaw.COUNTRY: "invalid-country",
    Flaw.ZONE: "unknown-place",
    Flaw.PROFILE: "unknown-specification",
    Flaw.PERIOD: "invalid-period",
}
UTC_SECONDS = "%Y-%m-%dT%H:%M:%SZ"


class IndigoNeo(Dialect):
    """Assigned rights by the client's own id, in UTC."""

    resource = "/rights/assigned/"

    def authorised(self, sent: Sent) -> bool:
        """Look for the key in `X-MCC-Access-Token`."""
        return sent.headers.get("X-MCC-Access-Token") == self.key

    def read(self, reference: UUID, document: object) -> Record:
        """Read an assigned right."""
        own_id, specification, holder, places, uses = members(
            document, "id", "rightSpecification", "rightHolder", "places", "plannedUses"
        )
        if own_id != str(reference):
            raise RefusedError(Flaw.REFERENCE)
        (kind,) = members(specification, "id")
        (credentials,) = members(holder, "credentials")
        (credential,) = items(credentials, at_most=1)
        credential_type, identifier = members(credential, "type", "identifier")
        if credential_type != "licensePlate":
            raise RefusedError(Flaw.WRONG_TYPE)
        issuer, registration = members(identifier, "className", "id")
        (use,) = items(uses, at_most=1)
        start, end = members(use, "startTime", "endTime")
        return Record(
            plate(registration),
            country(issuer),
            zones([code for place in items(places, at_most=MOST_ZONES) for code in members(place, "id")]),
            profile(kind),
            *period(self._midnight(start), self._midnight(end) - timedelta(days=1)),
        )

    def stored(self, reference: UUID) -> Answer:
        """Answer with the id."""
        return Answer(200, {"id": str(reference)})

    def removed(self, reference: UUID) -> Answer:
        """Answer with nothing."""
        return Answer(204)

    def unknown(self) -> Answer:
        """Answer unknown-right."""
        return Answer(404, {"type": "unknown-right"})

    def unauthorised(self) -> Answer:
        """Answer invalid-token."""
        return Answer(401, {"type": "invalid-token"})

    def refused(self, flaw: Flaw) -> Answer:
        """Answer with a type of problem."""
        return Answer(400, {"type": PROBLEMS.get(flaw, "invalid-request")})

    def _midnight(self, value: object) -> date:
        """Return the civil day of the city that begins at an instant in UTC."""
        try:
            moment = datetime.strptime(text(value), UTC_SECONDS).replace(tzinfo=UTC).astimezone(self.zone)
        except ValueError:
            raise RefusedError(Flaw.PERIOD) from None
        if moment.time() != time():
            raise RefusedError(Flaw.PERIOD)
        return moment.date()
