"""In every run of the sharing protocol, the history shows each holding of a provider, under its plate."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.history import PlateSince
from worker.domain import sharing
from worker.domain.history import Disclosed, RecordedOutcome, holdings
from worker.domain.sharing import NOTHING, RequestOutcome, Result, Share, Timing, Urgency

PERMIT = UUID(int=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(seconds=1)
TIMING = Timing(lease=3 * TICK, settle=5 * TICK)
AT_ONCE = timedelta(0)

ENDS = ["confirmed", "not_sent", "unclear", "applied_unclear", "late_unclear", "rejected"]
STEPS = st.one_of(
    st.tuples(st.just("want"), st.sampled_from(["", "A", "B"])),
    st.tuples(st.just("claim"), st.none()),
    st.tuples(
        st.just("end"),
        st.sampled_from(["confirmed", "not_sent", "unclear", "applied_unclear", "late_unclear", "rejected"]),
    ),
    st.tuples(st.just("wait"), st.none()),
    st.tuples(st.just("late"), st.none()),
    st.tuples(st.just("doubt"), st.none()),
)
OUTCOMES = {
    "confirmed": RequestOutcome.CONFIRMED,
    "not_sent": RequestOutcome.NOT_SENT,
    "unclear": RequestOutcome.UNCLEAR,
    "applied_unclear": RequestOutcome.UNCLEAR,
    "late_unclear": RequestOutcome.UNCLEAR,
    "rejected": RequestOutcome.REJECTED,
}


@dataclass
class World:
    """One share, its provider, and the hub's records about the two.

    A request is applied when its exchange ends, never, or late within the settling time. Its outcome may be recorded
    long after its lease.
    """

    now: datetime = START
    wanted: str = ""
    share: Share = field(default_factory=lambda: Share(due_at=START))
    held: str = ""
    requests: dict[UUID, tuple[datetime, str]] = field(default_factory=dict)
    open: list[UUID] = field(default_factory=list)
    words: dict[UUID, dict[RequestOutcome, datetime]] = field(default_factory=lambda: defaultdict(dict))
    plates: list[PlateSince] = field(default_factory=list)
    strays: list[tuple[datetime, str]] = field(default_factory=list)  # with the time until which they may be applied
    seen: list[tuple[datetime, str]] = field(default_factory=list)

    def do(self, step: str, what: str | None) -> None:
        self.now += TICK
        match step:
            case "want":
                self.want(what or "")
            case "claim" if sharing.is_due(self.share, self.now):
                self.claim()
            case "end" if self.open:
                self.end(what or "")
            case "wait":
                self.now += TIMING.lease
            case "late" if self.strays:
                until, stray = self.strays.pop(0)
                if self.now <= until:
                    self.held = stray
            case "doubt":
                self.share = sharing.invalidate(self.share, self.now, TIMING)
        if self.held:
            self.seen.append((self.now, self.held))

    def want(self, what: str) -> None:
        if what and what != (self.plates[-1].plate if self.plates else None):
            self.plates.append(PlateSince(plate=what, country="FR", since=self.now))
        self.wanted = what
        self.share = sharing.want(self.share, Urgency.CHANGE, self.now)

    def claim(self) -> None:
        lease = UUID(int=len(self.requests) + 1)
        wanted = "" if self.share.parked else self.wanted
        before, self.share = self.share, sharing.claim(self.share, self.wanted.encode(), lease, self.now, TIMING)
        if before.lease_id is not None:
            self.words[before.lease_id].setdefault(RequestOutcome.UNCLEAR, self.now)
        if self.share.lease_id == lease:
            assert self.share.claimed_hash == wanted.encode()
            self.requests[lease] = (self.now, wanted)
            self.open.append(lease)

    def end(self, how: str) -> None:
        lease = self.open.pop(0)
        _, what = self.requests[lease]
        if how == "rejected" and not what:
            how = "not_sent"  # no provider refuses a removal for good
        if how in ("confirmed", "applied_unclear"):
            self.held = what
        if how == "late_unclear":
            self.strays.append((self.now + TIMING.settle, what))
        result = Result(OUTCOMES[how], AT_ONCE)
        self.share = sharing.record(self.share, lease, result, self.now, TIMING)
        self.words[lease].setdefault(result.outcome, self.now)

    def disclosed(self) -> list[Disclosed]:
        return [
            Disclosed(
                permit_id=PERMIT,
                provider="easypark",
                at=at,
                removal=what.encode() == NOTHING,
                consent_version=1,
                outcomes=tuple(RecordedOutcome(outcome, when) for outcome, when in self.words[lease].items()),
            )
            for lease, (at, what) in self.requests.items()
        ]


# A put that arrives after the removal that was to undo it.
OVERTAKEN = [
    ("want", "A"),
    ("claim", None),
    ("end", "late_unclear"),
    ("want", ""),
    ("claim", None),
    ("end", "confirmed"),
    ("late", None),
]


@example(OVERTAKEN)
@given(st.lists(STEPS, min_size=20, max_size=60))
def test_every_holding_is_in_the_history(steps: list[tuple[str, str | None]]) -> None:
    world = World()
    for step, what in steps:
        world.do(step, what)
    told = holdings(PERMIT, world.disclosed(), world.plates, TIMING.settle)
    for moment, plate in world.seen:
        assert any(
            holding.plate == plate and holding.since <= moment and (holding.until is None or moment <= holding.until)
            for holding in told
        ), (moment - START, plate, told)


@given(st.lists(STEPS, min_size=20, max_size=60))
def test_a_final_removal_is_in_the_history(steps: list[tuple[str, str | None]]) -> None:
    world = World()
    for step, what in [*steps, ("want", "")]:
        world.do(step, what)
    world.strays.clear()
    for _ in range(60):
        if not world.open and not sharing.is_pending(world.share):
            break
        for step, what in (("end", "confirmed"), ("claim", None), ("wait", None)):
            world.do(step, what)
    assert world.held == ""
    assert all(
        holding.until is not None for holding in holdings(PERMIT, world.disclosed(), world.plates, TIMING.settle)
    )
