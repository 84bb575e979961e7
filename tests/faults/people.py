"""Residents with a permit each, their jobs, and the plates that providers hold or were sent."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from permit_hub_client import Job, Receipt

from integrations.sandbox.misbehaviour import Kind
from ops.shown.space import APPS
from tests.faults.harness import Stack
from tests.support import claims
from tests.support.texts import TEXT
from tests.support.waiting import eventually

MARK = "zwxqv"  # stands in all personal data, and in nothing else
EVERYWHERE = frozenset(APPS)
NOWHERE: frozenset[str] = frozenset()
WRITES = {"paybyphone": "/eligibilities", "flowbird": "/hub/", "easypark": "/parking", "indigo_neo": "/rights"}
"""Each provider's addresses for changes; tokens come from elsewhere."""


@dataclass
class Person:
    """A resident with one active permit."""

    stack: Stack = field(repr=False)
    number: int
    resident_id: str = field(default_factory=lambda: f"r-{uuid4().hex[:12]}")
    permit_id: UUID = field(default_factory=uuid4)
    email: str = ""

    def __post_init__(self) -> None:
        self.email = f"{MARK}{self.number}@example.fr"

    def plate(self, letter: str = "A") -> str:
        """Return one of the person's plates, in the form that providers hold."""
        return f"{MARK}{self.number}{letter}".upper()

    def raw_plate(self, letter: str = "A") -> str:
        """Return one of the person's plates as typed."""
        return f"{MARK}-{self.number}-{letter}"

    def contact(self) -> Job:
        """Return a contact job without a change."""
        return self._job("resident.update_contact", name=f"{MARK.title()} Exemple", email=self.email)

    def vehicle(self, letter: str) -> Job:
        """Return a change to another of the person's plates."""
        plate = {"raw": self.raw_plate(letter)}
        verified = claims.sent(datetime.now(UTC).date(), plate=plate)
        return self._job("permit.change_vehicle", permit_id=self.permit_id, plate=plate, verified=verified)

    def allowance(self) -> Job:
        """Return an allowance for all providers, given on the consent as the space shows it."""
        space = self.stack.hub.space(self.resident_id, wait=20)
        assert space is not None
        return self._consent("allow", space["consent"]["version"])

    def refusal(self) -> Job:
        """Return a refusal for all providers."""
        return self._consent("refuse", None)

    def does(self, job: Job, wait: float = 60.0) -> Receipt:
        """Submit a job that must be applied."""
        receipt = self.stack.hub.submit(job, wait=wait)
        assert receipt.applied, receipt
        return receipt

    def shares(self) -> None:
        """Allow all providers, and wait until each holds the permit."""
        self.does(self.allowance())
        eventually(lambda: holders(self.stack, self.plate()), "the permit held everywhere", equals=EVERYWHERE)
        self.stack.converges()

    def imported(self) -> dict[str, object]:
        """Return the import row of the person's permit."""
        today = datetime.now(UTC).date()
        return {
            "resident_id": self.resident_id,
            "permit_id": self.permit_id,
            "status": "active",
            "requested_on": today - timedelta(days=20),
            "plate": {"raw": self.raw_plate()},
            "profile": "standard",
            "address": {"ban_id": "75114_1834_00010", "label": f"{self.number} rue {MARK.title()}, 75014 Paris"},
            "zones": ["14A", "14B"],
            "terms": [{"first_day": today - timedelta(days=10), "last_day": today + timedelta(days=354)}],
        }

    def _consent(self, choice: str, version: int | None) -> Job:
        return self._job(
            "consent.decide",
            choice=choice,
            providers=APPS,
            consent_version=version,
            text=TEXT,
            decided_at=datetime.now(UTC),
        )

    def _job(self, kind: str, **fields: object) -> Job:
        return self.stack.hub.job(kind, resident_id=self.resident_id, **fields)


def people(stack: Stack, number: int) -> list[Person]:
    """Import new residents, each with an active permit and no consent."""
    made = [Person(stack, next(stack.numbers)) for _ in range(number)]
    receipt = stack.hub.submit("permit.import", permits=[person.imported() for person in made], wait=20)
    assert receipt.rows is not None
    assert all(row.applied for row in receipt.rows), receipt
    return made


def allow_everything(stack: Stack, town: Iterable[Person]) -> None:
    """Have many people allow all providers."""
    for job in [stack.hub.send(person.allowance()) for person in town]:
        assert stack.hub.receipt(job, wait=20).applied


def applied(stack: Stack, jobs: Iterable[Job]) -> int:
    """Return how many of these jobs are applied."""
    ids = [job.job_id for job in jobs]
    return int(stack.scalar("SELECT count(*) FROM jobs WHERE job_id = ANY(%s) AND outcome = 'applied'", ids))


def holders(stack: Stack, plate: str) -> frozenset[str]:
    """Return the providers whose sandbox holds a plate."""
    return frozenset(name for name in APPS if plate in held_plates(stack, name))


def held_plates(stack: Stack, provider: str) -> set[str]:
    """Return the plates that a provider's sandbox holds."""
    return {record.plate for record in stack.control.held(provider).values()}


def applied_once(stack: Stack, jobs: Iterable[Job]) -> None:
    """Check that each job was applied, and none twice."""
    listed = list(jobs)
    assert applied(stack, listed) == len(listed)
    twice = stack.query(
        """SELECT data ->> 'job_id', type FROM events
           WHERE data ->> 'job_id' = ANY(%s) GROUP BY 1, 2 HAVING count(*) > 1""",
        [str(job.job_id) for job in listed],
    )
    assert twice == []


def misbehaves(stack: Stack, provider: str, kind: Kind, **order: Any) -> None:
    """Make a provider misbehave at its next change."""
    count = int(order.pop("count", 1))
    stack.control.misbehave(provider, kind, count=count, path=WRITES[provider], **order)


def was_put(stack: Stack, person: Person, provider: str, letter: str = "A") -> bool:
    """Return whether a provider was sent a plate, with any outcome."""
    return any(person.plate(letter) in request.body for request in stack.control.requests(provider))


def was_applied(stack: Stack, person: Person, provider: str) -> bool:
    """Return whether a provider has applied a request with a plate."""
    return any(one.applied_ms and person.plate() in one.body for one in stack.control.requests(provider))
