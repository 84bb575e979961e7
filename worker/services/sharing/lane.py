"""What one process knows of a provider from drain to drain, and what answers say about the provider as a whole."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from random import random
from typing import cast

import structlog
from sqlalchemy import Connection, Engine

from integrations.base import Adapter, Storing
from integrations.errors import FailureCode
from worker.db.engine import transact
from worker.db.sharing import providers, reconciliations
from worker.db.sharing.providers import LaneState
from worker.domain.breaker import FAILURES_TO_OPEN, BreakerState, probe_in
from worker.domain.sharing import RequestOutcome, Result
from worker.domain.window import Window
from worker.hub import UNAVAILABLE, Hub
from worker.limiter import Limiter

log = structlog.get_logger()

ANSWERED = frozenset({RequestOutcome.CONFIRMED, RequestOutcome.ACCEPTED, RequestOutcome.REJECTED})
"""Outcomes that show that a provider works."""

NEUTRAL_FAILURES = frozenset({FailureCode.THROTTLED, FailureCode.STALE_VERSION, FailureCode.DEADLINE_PASSED})
"""Failures that do not count against a provider: it works, or it was not asked."""

BATCHES_IN_FLIGHT = 4  # one of them kept for urgent changes; claims and records are in batches, too
RUN_ENDS = 600.0  # seconds without a refusal of the same code

STORE_REPLACED = "store_replaced"
"""The code of a reconciliation that ended because the provider's copies are in another store."""

DECAY = 0.9  # of the slowest exchange's time, with each exchange

OPEN = LaneState()


@dataclass(frozen=True, slots=True)
class Exchange:
    """When an exchange began and how long it took, in seconds."""

    began: float
    took: float  # from begin to end, with the time that it waited for this process
    answer_seconds: float | None  # of its first request at the provider alone; None: not measured
    under_way: int  # requests at once when it began


@dataclass(slots=True)
class Lane:
    """The way to one provider: its adapter, its limits, and how it has been answering."""

    hub: Hub
    adapter: Adapter
    limiter: Limiter
    state: LaneState = OPEN  # as of the last claim
    in_flight: int | None = None  # requests at once, if the provider has its own setting
    failures: int = 0  # exchanges in a row
    store: str | None = None  # of its copies, as last read from the database
    took: float | None = None  # seconds of the slowest recent exchanges, a decaying maximum
    window: Window = field(init=False)

    _refused_at: dict[str, float] = field(default_factory=dict)  # last refusal by code

    def __post_init__(self) -> None:
        """Open the window."""
        settings = self.hub.settings
        if self.batch > 1:
            self.window = Window(self.in_flight or BATCHES_IN_FLIGHT, kept=1)
        else:
            most = self.in_flight or settings.in_flight
            self.window = Window(most, settings.slots_kept(most))

    @property
    def name(self) -> str:
        """Return the provider's name."""
        return self.adapter.name

    @property
    def batch(self) -> int:
        """Return how many changes one request is claimed for; 1 if only first puts can share one."""
        capabilities = self.adapter.capabilities
        return 1 if capabilities.batch_of_first_puts else capabilities.batch

    @property
    def rate(self) -> float:
        """Return how many routine requests a second the window lets through, by Little's law; 0 if unknown."""
        return 0.0 if self.took is None else self.window.routine / max(self.took, 1e-3)

    def note_exchange(self, exchange: Exchange, results: Sequence[Result]) -> None:
        """Record how an exchange went: its time, the window, and the failures in a row.

        An exchange counts once, however many changes it carried.
        """
        self.took = max(exchange.took, (self.took or 0.0) * DECAY)
        answered = any(result.outcome in ANSWERED for result in results)
        if any(result.code == FailureCode.TIMED_OUT for result in results):
            self.window.note_time_out(exchange.began, exchange.began + exchange.took)
        elif answered and len(results) == self.batch:  # a request of another size takes another time
            seconds = exchange.took if exchange.answer_seconds is None else exchange.answer_seconds
            self.window.note_answer(exchange.began, seconds, exchange.under_way)
        if answered:
            self.failures = 0
        elif any(result.code not in NEUTRAL_FAILURES for result in results):
            self.failures += 1

    def judge(self, db: Connection, results: Sequence[Result]) -> bool:
        """Update the breaker, the store and the hold, in the transaction that records the results.

        Returns whether there is an event to publish.
        """
        has_event = False
        if any(result.outcome in ANSWERED for result in results):
            if self.state.breaker is not BreakerState.CLOSED:
                has_event = providers.close_breaker(db, self.name)
        elif self.state.breaker is not BreakerState.CLOSED:
            vain = self.failures - FAILURES_TO_OPEN
            providers.fail_probe(db, self.name, probe_in(max(vain, 0), random()))  # noqa: S311 - spreads probes
        elif self.failures >= FAILURES_TO_OPEN:
            has_event = providers.open_breaker(db, self.name, probe_in(0, random()))  # noqa: S311 - spreads probes
        has_event |= self._note_store(db)
        holds = [result.hold for result in results if result.hold is not None]
        if holds:
            providers.hold(db, self.name, max(holds))
        return has_event

    def note_refusals(self, results: Sequence[Result]) -> None:
        """Raise one alarm for a run of refusals with the same code; the dead letters list the shares."""
        now = time.monotonic()
        refused = Counter(result.code or "" for result in results if result.outcome is RequestOutcome.REJECTED)
        for code, count in refused.items():
            if now - self._refused_at.get(code, -inf) > RUN_ENDS:
                log.error("provider.refuses", provider=self.name, code=code, count=count)
            self._refused_at[code] = now

    def _note_store(self, db: Connection) -> bool:
        """Record the store of the provider's copies; request a reconciliation if it is another one."""
        if not self.adapter.capabilities.has_store:
            return False
        store = cast(Storing, self.adapter).store
        if store is None or store == self.store:
            return False
        replaced = providers.note_store(db, self.name, store)
        if replaced is None:
            self.store = providers.store(db, self.name)
        if not replaced:
            return False
        log.warning("provider.store_replaced", provider=self.name)
        reconciliations.begin_again(db, self.name, STORE_REPLACED)
        return True


def note_configuration(engine: Engine, provider: str, problem: str | None) -> None:
    """Record the fault in a provider's settings, for `status`; None: no fault."""
    transact(engine, lambda db: providers.note_configuration(db, provider, problem))


def publish_provider_events(hub: Hub) -> None:
    """Publish unpublished events about providers; while Redis is unavailable, leave them to a later sweep."""

    def transaction(db: Connection) -> None:
        events = providers.lock_unpublished(db)
        if events:
            hub.live.events.append(events)
            providers.mark_published(db, events)

    try:
        transact(hub.engine, transaction, relaxed=True)
    except UNAVAILABLE as error:
        log.warning("provider_events.not_published", error=type(error).__name__)
