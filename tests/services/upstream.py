"""A web app without a queue: it makes jobs, hands them straight to the hub, and keeps the receipts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from integrations.base import LegalBasis
from integrations.registry import ADAPTERS, capabilities
from schemas.receipts import Outcome, Receipt, RowResult
from tests.support import claims
from tests.support.texts import TEXT
from worker.hub import Hub
from worker.services.jobs.handle import handle

ANNE, BOB = "r-anne", "r-bob"
CITY = "city_hub"
AGENT = "agent-17"
EVERYONE = tuple(name for name in ADAPTERS if capabilities(name).legal_basis is LegalBasis.CONSENT)
ADDRESS = {"ban_id": "75114_1834_00010", "label": "10 rue de l'Exemple, 75014 Paris"}
ELSEWHERE = {"ban_id": "75118_0002_00007", "label": "7 place du Modèle, 75018 Paris"}
UNVERIFIED: Mapping[str, Any] = {}
_NUMBERS = count(1)
_CURRENT = {"schema_version": 2}
_MOMENT = "2024-09-16T10:42:03+02:00"


@dataclass
class Upstream:
    """A sender of jobs, on a given day."""

    hub: Hub
    today: date

    def envelope(self, **fields: Any) -> dict[str, Any]:
        """Return a job before it becomes text; all that it asks for is verified unless it says what is."""
        if "schema_version" in fields:
            fields = {"verified": claims.sent(self.today, **fields)} | fields
        base = {"job_id": str(uuid4()), "source": "personal-space", "submitted_at": _MOMENT}
        return base | {name: _plain(value) for name, value in fields.items()}

    def send(self, kind: str, job: Mapping[str, Any] | str) -> Receipt:
        """Submit a job, or any other text."""
        raw = job if isinstance(job, str) else json.dumps(job)
        return handle(self.hub, kind, raw, uuid4(), self.today)

    def submit(self, kind: str, resident: str = ANNE, **fields: Any) -> Receipt:
        """Submit a job about a resident."""
        more: dict[str, Any] = {"decided_by": AGENT} if kind == "permit.decide" else {}
        if kind in claims.CLAIMING:
            more = _CURRENT
        return self.send(kind, self.envelope(resident_id=resident, **more | fields))

    def applied(self, kind: str, resident: str = ANNE, **fields: Any) -> Receipt:
        """Submit a job that must be applied."""
        receipt = self.submit(kind, resident, **fields)
        assert receipt.outcome is Outcome.APPLIED, receipt
        return receipt

    def plate(self) -> str:
        """Return a plate that no other permit has."""
        return f"AB-{next(_NUMBERS):03}-CD"

    def request(self, resident: str = ANNE, **fields: Any) -> UUID:
        """Request a permit with a price, except for the values given; return its id."""
        permit_id = uuid4()
        self.applied("permit.request", resident, **self.wish(permit_id) | fields)
        return permit_id

    def wish(self, permit_id: UUID) -> dict[str, Any]:
        """Return the fields of a request of 45 €."""
        return _CURRENT | {
            "permit_id": permit_id,
            "plate": {"raw": self.plate()},
            "profile": "standard",
            "years": 1,
            "address": ADDRESS,
            "zones": ["14A", "14B"],
        }

    def active(self, resident: str = ANNE, **fields: Any) -> UUID:
        """Request a permit that is free and active at once; return its id."""
        return self.request(resident, **{"profile": "low_emission"} | fields)

    def row(self, resident: str = ANNE, **fields: Any) -> dict[str, Any]:
        """Return an import row: a permit in force for another half year, except for the values given."""
        wish = self.wish(uuid4())
        return {
            "resident_id": resident,
            "permit_id": str(wish["permit_id"]),
            "status": "active",
            "requested_on": self.day(-183),
            "plate": wish["plate"],
            "profile": "standard",
            "address": ADDRESS,
            "zones": ["14A"],
            "terms": [{"first_day": self.day(-183), "last_day": self.day(183)}],
        } | fields

    def take_over(self, *rows: Mapping[str, Any]) -> Receipt:
        """Import permits."""
        return self.send("permit.import", self.envelope(permits=list(rows)))

    def lapsed(self, resident: str = ANNE, **fields: Any) -> UUID:
        """Import a permit that ended yesterday; return its id."""
        terms = [{"first_day": self.day(-366), "last_day": self.day(-1)}]
        row = self.row(resident, **{"terms": terms} | fields)
        assert results(self.take_over(row))[0].outcome is Outcome.APPLIED
        return UUID(row["permit_id"])

    def allow(self, resident: str = ANNE, *, seen: int = 0, providers: tuple[str, ...] = EVERYONE) -> Receipt:
        """Allow providers to hold a resident's data."""
        return self.submit("consent.decide", resident, **choice("allow", providers), consent_version=seen)

    def refuse(self, resident: str = ANNE, *, providers: tuple[str, ...] = EVERYONE) -> Receipt:
        """Refuse it."""
        return self.submit("consent.decide", resident, **choice("refuse", providers))

    def day(self, offset: int) -> str:
        """Return the day so many days from today."""
        return (self.today + timedelta(days=offset)).isoformat()


def results(receipt: Receipt) -> tuple[RowResult, ...]:
    """Return the results of an import's rows."""
    assert receipt.rows is not None
    return receipt.rows


def choice(choice: str, providers: tuple[str, ...] = EVERYONE) -> dict[str, Any]:
    """Return the fields of a consent decision."""
    decided_at = datetime.fromisoformat(_MOMENT) + timedelta(microseconds=next(_NUMBERS))  # each after the one before
    return {"choice": choice, "providers": list(providers), "text": TEXT, "decided_at": decided_at.isoformat()}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
