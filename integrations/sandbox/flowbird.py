"""Flowbird's side of its contract (integrations/flowbird/README.md)."""

from datetime import date, datetime, time, timedelta
from uuid import UUID

from integrations.sandbox.dialect import Dialect
from integrations.sandbox.records import (
    MOST_ZONES,
    Answer,
    Flaw,
    Record,
    RefusedError,
    Sent,
    items,
    members,
    period,
    plate,
    profile,
    text,
    zones,
)

REASONS = {
    Flaw.PLATE: "PLATE_FORMAT",
    Flaw.ZONE: "ZONE_UNKNOWN",
    Flaw.PROFILE: "PRODUCT_UNKNOWN",
    Flaw.PERIOD: "PERIOD_INVALID",
}


class Flowbird(Dialect):
    """Rights by our reference, from midnight to midnight in the city's time."""

    resource = "/hub/v1/rights/"

    def authorised(self, sent: Sent) -> bool:
        """Look for the key in `X-Flowbird-Token`."""
        return sent.headers.get("X-Flowbird-Token") == self.key

    def read(self, reference: UUID, document: object) -> Record:
        """Read a right."""
        registration, places, product, start, end = members(document, "plate", "zones", "product", "from", "until")
        codes = [code for place in items(places, at_most=MOST_ZONES) for code in members(place, "code")]
        return Record(
            plate(registration),
            None,
            zones(codes),
            profile(product),
            *period(self._midnight(start), self._midnight(end) - timedelta(days=1)),
        )

    def stored(self, reference: UUID) -> Answer:
        """Answer OK."""
        return Answer(200, {"result": "OK", "right": str(reference)})

    def removed(self, reference: UUID) -> Answer:
        """Answer OK."""
        return Answer(200, {"result": "OK", "right": str(reference)})

    def unknown(self) -> Answer:
        """Answer RIGHT_UNKNOWN."""
        return Answer(404, {"result": "KO", "reason": "RIGHT_UNKNOWN"})

    def unauthorised(self) -> Answer:
        """Answer TOKEN_INVALID."""
        return Answer(403, {"result": "KO", "reason": "TOKEN_INVALID"})

    def refused(self, flaw: Flaw) -> Answer:
        """Answer with a reason."""
        return Answer(422, {"result": "KO", "reason": REASONS.get(flaw, "REQUEST_INVALID")})

    def _midnight(self, value: object) -> date:
        """Return the civil day that begins at an instant given with the city's own offset."""
        try:
            moment = datetime.fromisoformat(text(value))
        except ValueError:
            raise RefusedError(Flaw.PERIOD) from None
        if moment.isoformat() != value or moment != datetime.combine(moment.date(), time(), self.zone):
            raise RefusedError(Flaw.PERIOD)
        return moment.date()
