"""The demo's stage: it sends jobs through the client, then measures and checks the results."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from statistics import median
from uuid import UUID

from permit_hub_client import RESUMED, Hub, Job, Receipt

from integrations.sandbox.control import Control
from ops.demo import account
from ops.demo.narrator import Narrator
from ops.mailbox.store import Store
from ops.shown import receipts
from ops.shown.space import METERS, PROVIDERS
from schemas.space import Card, Space

PATIENCE_SECONDS = 20.0
POLL_SECONDS = 0.01


class UnexpectedError(Exception):
    """Something in the demo was not as promised; the message says what."""


def expect(met: object, what: str) -> None:
    """Go on only if an expectation is met.

    Raises:
        UnexpectedError: it is not.
    """
    if not met:
        raise UnexpectedError(what)


@dataclass(frozen=True, slots=True)
class Sent:
    """A job of the demo with its receipt; milliseconds count from sending it."""

    receipt: Receipt
    receipt_ms: float
    visible_ms: float | None

    def document(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return receipts.document(self.receipt) | {"receipt_ms": self.receipt_ms, "visible_ms": self.visible_ms}


@dataclass(frozen=True, slots=True)
class Followed:
    """A consent decision and when each provider confirmed it, in milliseconds from sending it."""

    receipt: Receipt
    started_ms: float
    confirmed_ms: Mapping[str, float]


@dataclass(slots=True)
class Stage:
    """One run of the demo: the upstream client, the providers' sandboxes, the mailbox, and the narrator."""

    hub: Hub
    control: Control
    mailbox: Store
    tell: Narrator
    today: date
    sent: list[Sent] = field(default_factory=list)

    def space(self) -> Space:
        """Read the resident's personal space as a web app does."""
        found = self.hub.space(account.RESIDENT)
        expect(found is not None, "the resident has a personal space")
        return Space.model_validate(found)

    def card(self, permit_id: UUID) -> Card:
        """Return one card of the resident's screen."""
        return next(card for card in self.space().cards if card.permit_id == permit_id)

    def job(self, kind: str, **fields: object) -> Job:
        """Prepare a job."""
        return self.hub.job(kind, **fields)

    def submit(self, job: str | Job, words: str, **fields: object) -> Receipt:
        """Send a job, and check that it is applied and that the screen shows it."""
        receipt = self._send(job, words, fields)
        reason = receipts.reason(receipt.code, receipt.field)
        expect(receipt.applied, f"{receipt.kind} is applied, not refused as {reason}")
        return receipt

    def be_refused(self, kind: str, words: str, code: str, at: str | None, **fields: object) -> None:
        """Send a job, and check that it is refused with this code and field, and that nothing has changed."""
        before = self.space()
        receipt = self._send(kind, words, fields)
        wanted, found = receipts.reason(code, at), receipts.reason(receipt.code, receipt.field)
        expect(wanted == found, f"{kind} is refused as {wanted}, not {found}")
        after = self.space()
        unmoved = (after.cards, after.consent.version) == (before.cards, before.consent.version)
        expect(unmoved, f"a refused {kind} changes nothing on the screen")

    def submit_followed(self, words: str, *, expected: Mapping[str, set[UUID]], **fields: object) -> Followed:
        """Send a consent decision and wait until the named providers have confirmed it for the permits expected."""
        left = {provider: set(permit_ids) for provider, permit_ids in expected.items()}
        confirmed: dict[str, float] = {}
        holds = fields["choice"] == "allow"
        with self.hub.watch(account.RESIDENT) as watch:
            started = time.monotonic()
            receipt = self.submit("consent.decide", words, **fields)
            while len(confirmed) < len(left):
                remaining = started + PATIENCE_SECONDS - time.monotonic()
                event = watch.next(remaining) if remaining > 0 else None
                missing = ", ".join(left.keys() - confirmed.keys())
                expect(event is not None, f"a confirmation comes within {PATIENCE_SECONDS:g} s from {missing}")
                for share in event["data"]["shares"] if event and event["type"] != RESUMED else ():
                    provider = share["provider"]
                    if share["held"] == holds and provider in left:
                        left[provider].discard(UUID(share["permit_id"]))
                        if not left[provider]:
                            confirmed.setdefault(provider, (time.monotonic() - started) * 1000)
        return Followed(receipt, started * 1000, confirmed)

    def plates_held(self) -> dict[str, list[str]]:
        """Ask each provider's server which plates it holds."""
        return {name: sorted(record.plate for record in self.control.held(name).values()) for name in PROVIDERS}

    def plates_in_apps(self) -> dict[str, list[str]]:
        """Ask the providers that need consent."""
        return {name: plates for name, plates in self.plates_held().items() if name != METERS}

    def until(self, met: Callable[[], object], what: str) -> float:
        """Wait until a condition is met; return the seconds that took.

        Raises:
            UnexpectedError: it was not met in time.
        """
        started = time.monotonic()
        while not met():
            expect(time.monotonic() < started + PATIENCE_SECONDS, f"{what} within {PATIENCE_SECONDS:g} s")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - started

    def visible_ms(self) -> float:
        """Return the median time until the screen showed a change."""
        return median(one.visible_ms for one in self.sent if one.visible_ms is not None)

    def _send(self, job: str | Job, words: str, fields: Mapping[str, object]) -> Receipt:
        ready = self.hub.job(job, **fields) if isinstance(job, str) else job
        self.tell.asked(ready.kind, words)
        started = time.perf_counter()
        receipt = self.hub.submit(ready, wait=PATIENCE_SECONDS)
        answered = time.perf_counter()
        visible_ms = None
        if receipt.applied:
            space = self.space()
            visible_ms = (time.perf_counter() - started) * 1000
            expect(space.version >= (receipt.version or 1), "the screen is as new as the receipt")
        self.sent.append(Sent(receipt, (answered - started) * 1000, visible_ms))
        self.tell.answered(receipt, visible_ms)
        return receipt
