"""Every row that a share can become, distinguished only as far as the protocol can.

Time is relative to now and stops at zero, versions are ranks, and a lease is "the row's" or none. So the rows are few,
and the real transitions are called once for each. Fields that the protocol only keeps for other readers are left out
(failures, acknowledgement time, urgency, number of requests).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from uuid import UUID

from tests.sharing.rules import Rules
from worker.domain.sharing import NOTHING, RequestOutcome, Result, Share, Timing, Urgency, is_leased, is_pending

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(hours=1)
"""Far longer than a test, so that a replay on a real clock stays within its tick."""

HELD = UUID(int=1)
LOST = UUID(int=2)
TAKEN = UUID(int=3)
OPERATION = "an operation"

NONE, A, B = PAYLOADS = range(3)
"""The payloads that the truth may want a provider to hold."""

NAMES = ("nothing", "A", "B")
HASHES = (NOTHING, b"A", b"B")

Subjects = tuple[bytes | None, bytes | None, bytes | None]
NOBODYS: Subjects = (None, None, None)
ONE_PLATE: Subjects = (None, b"a plate", b"a plate")
TWO_PLATES: Subjects = (None, b"a plate", b"another plate")


@dataclass(frozen=True)
class Ticks:
    """How long things last, in ticks."""

    lease: int = 2
    settle: int = 3
    retry: int = 1

    @property
    def timing(self) -> Timing:
        return Timing(lease=self.lease * TICK, settle=self.settle * TICK)


@dataclass(frozen=True)
class Row:
    """The part of a row that the explorer needs.

    `payload` is what the provider is known to hold, `claimed` what the last claim was for; `asks`: the next claim asks
    about an operation. `told_removed`: the space says that the provider holds nothing. `kept`: the put was refused, and
    the provider keeps what it holds; that is of the subject of the payloads in `keeps`.
    """

    share: Share
    payload: int | None
    claimed: int | None
    pending: bool
    parked: bool
    asks: bool
    leased: bool
    live: bool
    settled: bool
    puts_settled: bool
    due: bool
    told_removed: bool
    kept: bool
    keeps: frozenset[int]

    def __str__(self) -> str:
        share = self.share
        told = ["unknown" if self.payload is None else f"known to hold {NAMES[self.payload]}"]
        told += [name for name in ("pending", "due", "parked") if getattr(self, name)]
        if self.leased:
            told.append("leased" if self.live else "lease expired")
        if self.asks:
            told.append(f"waits for {'nothing' if self.claimed is None else NAMES[self.claimed]}")
        if share.unsettled_until:
            told.append(f"unsettled for {(share.unsettled_until - NOW) // TICK}")
        if share.stray_put_until:
            told.append(f"puts for {(share.stray_put_until - NOW) // TICK}")
        return ", ".join(told)


class Rows:
    """The rows found and their transitions, by number; row 0 is a share that was never wanted."""

    def __init__(
        self, rules: Rules, ticks: Ticks, subjects: Subjects = NOBODYS, *, keeps_urgency: bool = False
    ) -> None:
        """With `keeps_urgency`, rows that wait are also distinguished by their urgency."""
        self._rules = rules
        self._keeps_urgency = keeps_urgency
        self.subjects = subjects
        self.ticks = ticks
        self._timing = ticks.timing
        self._ids: dict[Share, int] = {}
        self._results: dict[tuple[int, ...], int] = {}
        self._taken: set[tuple[int, ...]] = set()
        self.rows: list[Row] = []
        self._intern(Share(due_at=NOW))

    def want(self, row: int, urgency: Urgency = Urgency.CONSENT) -> int:
        return self._memo((0, row, urgency), lambda share: self._rules.want(share, urgency, NOW))

    def invalidate(self, row: int) -> int:
        return self._memo((4, row), lambda share: self._rules.invalidate(share, NOW, self._timing))

    def claim(self, row: int, payload: int) -> tuple[int, bool]:
        """Return the row, and whether the claimer is to send or to ask."""
        key = (1, row, payload)
        subject = () if self.subjects == NOBODYS else (self.subjects[payload],)
        claimed = self._memo(
            key, lambda share: self._rules.claim(share, HASHES[payload], TAKEN, NOW, self._timing, *subject)
        )
        return claimed, key in self._taken

    def record(self, row: int, holds_lease: bool, outcome: RequestOutcome) -> int:
        operation = OPERATION if outcome is RequestOutcome.ACCEPTED else None
        result = Result(outcome, retry_in=self.ticks.retry * TICK, operation=operation)
        return self._memo(
            (2, row, holds_lease, _OUTCOMES.index(outcome)),
            lambda share: self._rules.record(share, HELD if holds_lease else LOST, result, NOW, self._timing),
        )

    def tick(self, row: int) -> int:
        return self._memo((3, row), a_tick_later)

    def _memo(self, key: tuple[int, ...], transition: Callable[[Share], Share]) -> int:
        known = self._results.get(key)
        if known is None:
            share = transition(self.rows[key[1]].share)
            if share.lease_id == TAKEN:
                self._taken.add(key)
            known = self._results[key] = self._intern(share)
        return known

    def _intern(self, share: Share) -> int:
        urgency = share.urgency if self._keeps_urgency and is_pending(share) else Urgency.CONSENT
        share = replace(canonical(share), urgency=urgency)
        number = self._ids.setdefault(share, len(self.rows))
        if number == len(self.rows):
            self.rows.append(
                Row(
                    share=share,
                    payload=None if share.confirmed_hash is None else HASHES.index(share.confirmed_hash),
                    claimed=None if share.claimed_hash is None else HASHES.index(share.claimed_hash),
                    pending=is_pending(share),
                    parked=share.parked is not None,
                    asks=share.operation is not None,
                    leased=share.lease_id is not None,
                    live=is_leased(share, NOW),
                    settled=share.unsettled_until is None,
                    puts_settled=share.stray_put_until is None,
                    due=self._rules.is_due(share, NOW),
                    told_removed=share.holds is False,
                    kept=self.subjects != NOBODYS
                    and share.parked is not None
                    and not is_pending(share)
                    and share.confirmed_hash is None,
                    keeps=frozenset(
                        payload
                        for payload, subject in enumerate(self.subjects)
                        if subject is not None and subject == share.held_subject
                    ),
                )
            )
        return number


_OUTCOMES = tuple(RequestOutcome)


def canonical(share: Share) -> Share:
    """Return the one row that stands for all that behave like this one from now on."""
    if share.claimed_hash is None:  # no request is under way that the version could belong to
        share = replace(share, claimed_version=share.confirmed_version)
    ranks = sorted({share.confirmed_version, share.claimed_version, share.wanted_version})
    parked = share.parked is not None
    return replace(
        share,
        confirmed_version=ranks.index(share.confirmed_version),
        claimed_version=ranks.index(share.claimed_version),
        wanted_version=ranks.index(share.wanted_version),
        due_at=max(NOW + ceil((share.due_at - NOW) / TICK) * TICK, NOW),  # it is checked once a tick
        lease_id=None if share.lease_id is None else HELD,
        lease_until=share.lease_until and max(share.lease_until, NOW),
        claimed_by=share.claimed_by and HELD,
        operation=None if share.operation is None else OPERATION,
        operation_until=share.operation_until and max(share.operation_until, NOW),
        unsettled_until=_as_it_matters(share.unsettled_until, share),
        stray_put_until=_as_it_matters(share.stray_put_until, share),
        parked="for any reason" if parked else None,
        failing_since=share.failing_since and NOW if parked else None,
        failed_at=share.failed_at and NOW if parked else None,
        confirmed_at=None,
        urgency=Urgency.CONSENT,
        requests=0,
        failures=0,
    )


def _as_it_matters(until: datetime | None, share: Share) -> datetime | None:
    """Return a stray's time; once over, it matters only for earlier claims."""
    if until is None or (until <= NOW and share.claimed_hash is None):
        return None
    return max(until, NOW)


def a_tick_later(share: Share) -> Share:
    """Return the row one tick later."""
    return replace(
        share,
        due_at=share.due_at - TICK,
        lease_until=share.lease_until and share.lease_until - TICK,
        operation_until=share.operation_until and share.operation_until - TICK,
        unsettled_until=share.unsettled_until and share.unsettled_until - TICK,
        stray_put_until=share.stray_put_until and share.stray_put_until - TICK,
    )
