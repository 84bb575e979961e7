"""A city on a running stack: residents with permits, what each provider's sandbox holds, what an operator types."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from random import choices, randint
from typing import Any
from uuid import UUID, uuid4

import redis
from permit_hub_client import Hub, Space
from personal_space.stand_ins import accounts
from personal_space.stand_ins.accounts import Account

from integrations.sandbox.control import Control
from integrations.sandbox.records import Record
from ops.demo import account
from ops.embedded.valkey import WEB_APP, Valkey
from ops.shown.space import APPS
from ops.source_rights import OPERATOR
from schemas.events import ProviderEvent
from tests.support import claims
from tests.support.waiting import eventually
from worker.domain.plate_looks import shown
from worker.domain.plates import parse

PermitHub = Callable[..., subprocess.CompletedProcess[str]]

ADDRESS = {"ban_id": "75114_1834_00010", "label": "10 rue de l'Exemple, 75014 Paris"}
UNKNOWN_ZONE = "99999"  # to PayByPhone alone
UNKNOWN_PROFILE = "unknown"


def plate() -> str:
    """Return a new ordinary plate, as it is shown."""
    letters = "".join(choices("ABCDEFGHJKLMNPQRTVXYZ", k=4))
    return f"{letters[:2]}-{randint(1, 999):03}-{letters[2:]}"


def as_shown(record: Record) -> str:
    """Return the French plate of a record as residents are shown it."""
    return shown(parse(record.plate, "FR"))


@dataclass(frozen=True)
class Resident:
    """A resident with a permit, or several."""

    resident_id: str
    permits: dict[UUID, str]

    @property
    def permit_id(self) -> UUID:
        """Return the one permit."""
        (permit_id,) = self.permits
        return permit_id

    @property
    def plate(self) -> str:
        """Return the one plate."""
        (found,) = self.permits.values()
        return found


@dataclass(frozen=True)
class City:
    """A hub in operation: its web app, its providers, and who operates it by commands that find it."""

    folder: Path
    environment: dict[str, str] = field(repr=False)
    valkey: Valkey
    control: Control = field(repr=False)
    permit_hub: PermitHub = field(repr=False)
    addresses: Mapping[str, str] = field(default_factory=dict)  # none where no web app runs
    accounts_file: Path = accounts.SHIPPED

    @property
    def personal_space(self) -> str:
        """Return where residents' browsers find the web app."""
        return self.addresses["personal_space"]

    @property
    def monparis(self) -> str:
        """Return where residents sign in."""
        return self.addresses["monparis"]

    @cached_property
    def accounts(self) -> dict[str, Account]:
        """Return who can sign in, by their resident id."""
        return {account.sub: account for account in accounts.read(self.accounts_file)}

    @property
    def demo_account(self) -> Account:
        """Return the account that has the guide's three permits."""
        return next(iter(self.accounts.values()))

    def account(self, *, with_vehicles: bool = True) -> Account:
        """Return a resident who can sign in, has no permit, and is in no other test; two plates, and an unusual one."""
        return next(spare for spare in self._spare if bool(spare.vehicles) == with_vehicles)

    @cached_property
    def _spare(self) -> Iterator[Account]:
        return iter([account for account in self.accounts.values() if account.sub.startswith("r-spare-")])

    @cached_property
    def hub(self) -> Hub:
        """Return the hub as a web app sees it."""
        key = self.environment.get("PERMIT_HUB_SOURCE_KEY")  # none: this hub takes unsigned jobs
        prefix = self.environment["PERMIT_HUB_REDIS_PREFIX"]
        return Hub(self.valkey.url_of(WEB_APP), source=OPERATOR, key=key, prefix=prefix)

    def space(self, resident_id: str) -> Space:
        """Return the space of a resident whom the hub knows."""
        space = self.hub.space(resident_id)
        assert space is not None
        return space

    def resident(
        self,
        permits: int = 1,
        *,
        zone: str = "14A",
        profile: str = "standard",
        resident_id: str | None = None,
        with_plate: str | None = None,
    ) -> Resident:
        """Have permits of a new resident, or of one with this id, taken over from an earlier system."""
        made = Resident(
            resident_id or f"r-{uuid4().hex[:12]}", {uuid4(): with_plate or plate() for _ in range(permits)}
        )
        today = datetime.now(UTC).date()
        rows = [
            {
                "resident_id": made.resident_id,
                "permit_id": permit_id,
                "status": "active",
                "requested_on": today - timedelta(days=20),
                "plate": {"raw": raw},
                "profile": profile,
                "address": ADDRESS,
                "zones": [zone],
                "terms": [{"first_day": today - timedelta(days=10), "last_day": today + timedelta(days=354)}],
            }
            for permit_id, raw in made.permits.items()
        ]
        receipt = self.hub.submit("permit.import", permits=rows)
        assert all(row.applied for row in receipt.rows or ()), receipt
        return made

    def allow(self, resident: Resident, *providers: str) -> None:
        """Have the resident allow these providers, all apps unless named."""
        version = self.space(resident.resident_id)["consent"]["version"]
        self._decide(resident, "allow", providers or APPS, consent_version=version)

    def refuse(self, resident: Resident) -> None:
        """Have the resident withdraw all consent."""
        self._decide(resident, "refuse", APPS)

    def applied(self, kind: str, resident: Resident, **fields: Any) -> None:
        """Have a job about a resident applied."""
        if kind in claims.CLAIMING:
            fields = {"verified": claims.sent(datetime.now(UTC).date(), **fields)} | fields
        receipt = self.hub.submit(kind, resident_id=resident.resident_id, **fields)
        assert receipt.applied, receipt

    def shared(self, *providers: str, permits: int = 1) -> Resident:
        """Return a new resident whose permits these providers hold."""
        resident = self.resident(permits)
        self.allow(resident, *providers)
        plates = set(resident.permits.values())
        eventually(lambda: [name for name in providers if not plates <= self.plates(name)], "all to hold it", equals=[])
        return resident

    def held(self, provider: str) -> dict[UUID, Record]:
        """Return what a provider holds."""
        return self.control.held(provider)

    def plates(self, provider: str) -> set[str]:
        """Return whose data a provider holds: French plates, as they are shown."""
        return {as_shown(record) for record in self.held(provider).values()}

    def reference(self, provider: str, found: str) -> UUID:
        """Return the reference under which a provider holds a French plate."""
        (reference,) = (own for own, record in self.held(provider).items() if as_shown(record) == found)
        return reference

    def latest(self, provider: str) -> int:
        """Return the number of the latest request that a provider was sent."""
        return max((request.sequence for request in self.control.requests(provider)), default=0)

    def state(self, resident: Resident, provider: str) -> str:
        """Return where a provider stands on the resident's own screen."""
        return str(self._shown(resident, provider)["state"])

    def confirmed(self, resident: Resident, provider: str) -> bool:
        """Return whether the resident's screen says that a provider has confirmed."""
        return self._shown(resident, provider)["confirmed_at"] is not None

    def told(self, provider: str) -> list[str]:
        """Return the types of a provider's events on the stream; they are in order, without a gap."""
        with redis.Redis.from_url(self.valkey.url) as client:
            entries: Any = client.xrange(self.environment["PERMIT_HUB_REDIS_PREFIX"] + "events")
        written = [fields[b"event"] for _, fields in entries]
        events = [ProviderEvent.model_validate_json(event) for event in written if b'"provider.' in event]
        ours = [event for event in events if event.subject == provider]
        assert [event.sequence for event in ours] == list(range(1, len(ours) + 1))
        return [event.type.value for event in ours]

    def prints(self, *arguments: object, code: int = 0) -> str:
        """Run a command that ends with this exit code; return what it prints, which fits 80 columns."""
        ended = self._run(*arguments, code=code)
        assert all(len(line) <= 80 for line in ended.stdout.splitlines())
        assert "…" not in ended.stdout
        return ended.stdout

    def tells(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """Run a command that ends with this exit code; return the one JSON object that it prints."""
        told: dict[str, Any] = json.loads(self._run(*arguments, "--json", code=code).stdout)
        return told

    def status(self, provider: str) -> dict[str, Any]:
        """Return what `status` says of a provider."""
        (found,) = (one for one in self.tells("status", "--wait", "20")["providers"] if one["provider"] == provider)
        return dict(found)

    def _shown(self, resident: Resident, provider: str) -> dict[str, Any]:
        providers = self.space(resident.resident_id)["consent"]["providers"]
        (shown,) = (one for one in providers if one["provider"] == provider)
        return dict(shown)

    def _run(self, *arguments: object, code: int) -> subprocess.CompletedProcess[str]:
        ended = self.permit_hub(*arguments)
        assert ended.returncode == code, ended.stderr
        return ended

    def _decide(self, resident: Resident, choice: str, providers: tuple[str, ...], **fields: object) -> None:
        self.applied(
            "consent.decide",
            resident,
            choice=choice,
            providers=providers,
            text=account.consent(choice)["text"],
            decided_at=datetime.now(UTC),
            **fields,
        )
