"""The world around one share: the truth, the provider's data, two drains, and requests that may still be applied.

A drain that fails leaves its request behind: until T after it was sent, a *stray* may be applied at any moment, any
number of times, or never. Faults are not counted: any drain may crash, stall, lose an answer or be refused at any time.

A provider that acknowledges later answers with an *operation*: until T after it was sent it may be carried out at any
moment, once, or never. An operation that the hub does not know of is a stray like any other.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tests.sharing.rows import NAMES, NONE
from worker.domain.sharing import RequestOutcome

IDLE, CLAIMED, SENT, APPLIED, ASKING = range(5)
"""The state of a drain. Plain numbers, since worlds are hashed millions of times."""


class Act(StrEnum):
    """The kinds of step."""

    DECIDE = "the truth becomes"
    DRIFT = "behind the hub's back the provider comes to hold"
    INVALIDATE = "what the provider confirmed is invalidated"
    TICK = "a tick passes"
    LAND = "a stray is applied:"
    CARRY_OUT = "the operation is carried out:"
    CLAIM = "claims"
    ASK = "claims, to ask about"
    SKIP = "has nothing to send for"
    SEND = "sends"
    APPLY = "is answered, applied:"
    CRASH = "dies with"
    CONFIRMED = "records confirmed"
    CONFIRMED_UNSEEN = "records confirmed, without learning of its commit:"
    ACCEPTED = "records accepted"
    ACCEPTED_UNSEEN = "records accepted, without learning of its commit:"
    NOT_SENT = "records not sent"
    UNCLEAR = "records unclear"
    LOST = "records lost"
    REJECTED = "records rejected"

    @property
    def outcome(self) -> RequestOutcome:
        """Return the result that a recording step records."""
        return _OUTCOMES[self]

    @property
    def is_record(self) -> bool:
        """Return whether a drain records by this step."""
        return self in _OUTCOMES

    @property
    def is_seen(self) -> bool:
        """Return whether a drain that records by this step learns that it succeeded."""
        return self not in (Act.CONFIRMED_UNSEEN, Act.ACCEPTED_UNSEEN)


_OUTCOMES = {
    Act.CONFIRMED: RequestOutcome.CONFIRMED,
    Act.CONFIRMED_UNSEEN: RequestOutcome.CONFIRMED,
    Act.ACCEPTED: RequestOutcome.ACCEPTED,
    Act.ACCEPTED_UNSEEN: RequestOutcome.ACCEPTED,
    Act.NOT_SENT: RequestOutcome.NOT_SENT,
    Act.UNCLEAR: RequestOutcome.UNCLEAR,
    Act.LOST: RequestOutcome.LOST,
    Act.REJECTED: RequestOutcome.REJECTED,
}


class Step(NamedTuple):
    """One step: by which drain (0 or 1), with which payload."""

    act: Act
    payload: int = NONE
    drain: int = 0

    def __str__(self) -> str:
        if self.act in (Act.TICK, Act.INVALIDATE):
            return self.act
        no_drain = (Act.DECIDE, Act.DRIFT, Act.LAND, Act.CARRY_OUT)
        who = "" if self.act in no_drain else f"drain {self.drain + 1} "
        return f"{who}{self.act} {NAMES[self.payload]}"


class Drain(NamedTuple):
    """A drain: the payload of its claim, and the remaining ticks of its lease and its request."""

    phase: int
    payload: int = NONE
    holds_row: bool = False
    lease: int = 0
    air: int = 0


class Operation(NamedTuple):
    """An accepted request that the hub knows of, with the remaining ticks in which it may be carried out.

    Once done it stays done. It may also be `forgotten`: then the provider does not know it when asked.
    """

    payload: int
    air: int
    done: bool = False
    forgotten: bool = False


Drains = tuple[Drain, Drain]
Strays = tuple[int, int, int]


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """The hub's part of a world. There is one of each, so that comparing and hashing are quick.

    `mirror`: the scene that stands for this one and its mirror image, if another one does.
    `removed`: a removal of the truth is confirmed for good.
    """

    row: int
    truth: int
    drains: Drains
    operation: Operation | None
    mirror: "Scene | None"
    removed: bool


@dataclass(frozen=True, eq=False, slots=True)
class Outside:
    """The part of a world that the hub does not see. There is one of each.

    `strays`: for each payload, for how many ticks a stray of it may still be applied.
    `removed`: a removal was confirmed for good, and nothing was allowed since.
    `drifted`: the provider's copy was changed without the hub, and nothing was invalidated since.
    """

    strays: Strays
    held: int
    decisions: int
    invalidations: int
    removed: bool
    drifted: bool


class World(NamedTuple):
    """All that matters from now on."""

    scene: Scene
    outside: Outside

    @property
    def row(self) -> int:
        return self.scene.row

    @property
    def truth(self) -> int:
        return self.scene.truth

    @property
    def drains(self) -> Drains:
        return self.scene.drains

    @property
    def operation(self) -> Operation | None:
        return self.scene.operation

    @property
    def strays(self) -> Strays:
        return self.outside.strays

    @property
    def held(self) -> int:
        return self.outside.held

    @property
    def decisions(self) -> int:
        return self.outside.decisions

    @property
    def invalidations(self) -> int:
        return self.outside.invalidations

    @property
    def removed(self) -> bool:
        return self.outside.removed

    @property
    def drifted(self) -> bool:
        return self.outside.drifted


IDLE_DRAIN = Drain(IDLE)
