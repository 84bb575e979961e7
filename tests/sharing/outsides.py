"""How steps change the part of a world that the hub does not see. There are few, and each is made once."""

from dataclasses import astuple, replace
from functools import cache
from typing import Any

from tests.sharing.rows import NONE, PAYLOADS
from tests.sharing.world import Act, Outside, Step

DRIFT = [Step(Act.DRIFT, payload) for payload in PAYLOADS]
LAND = [Step(Act.LAND, payload) for payload in PAYLOADS]

Left = tuple[int, int]
"""A request that is left behind: its payload, and for how many ticks it may be applied."""


def at_first(decisions: int, invalidations: int) -> Outside:
    """Return the outside before the first decision."""
    return _one(astuple(Outside((0, 0, 0), NONE, decisions, invalidations, removed=True, drifted=False)))


@cache
def later(outside: Outside) -> Outside:
    """Let a tick pass."""
    nothing, a, b = outside.strays
    return _with(outside, strays=(nothing and nothing - 1, a and a - 1, b and b - 1))


@cache
def changed(outside: Outside, left: tuple[Left, ...], applied: int | None = None) -> Outside:
    """Leave requests behind, and have the provider apply a payload, if any."""
    longest = list(outside.strays)
    for payload, ticks in left:
        longest[payload] = max(longest[payload], ticks)
    return _with(outside, strays=tuple(longest), held=outside.held if applied is None else applied)


@cache
def decided(outside: Outside, payload: int) -> Outside:
    """Have the truth become a payload."""
    return _with(outside, decisions=outside.decisions - 1, removed=outside.removed and payload == NONE)


@cache
def invalidated(outside: Outside) -> Outside:
    """Invalidate the provider's copy, since it has drifted or without a reason."""
    if outside.drifted:
        return _with(outside, drifted=False)
    return _with(outside, invalidations=outside.invalidations - 1)


@cache
def drifts(outside: Outside) -> list[tuple[Step, Outside]]:
    """Return how the provider's copy may change without the hub."""
    if outside.drifted:
        return []
    fewer = outside.invalidations - 1
    return [
        (step, _with(outside, held=step.payload, invalidations=fewer, removed=False, drifted=True))
        for step in DRIFT
        if step.payload != outside.held
    ]


@cache
def landings(outside: Outside) -> list[tuple[Step, Outside]]:
    """Return how a stray may change the provider's copy."""
    return [
        (step, _with(outside, held=step.payload))
        for step in LAND
        if outside.strays[step.payload] and outside.held != step.payload
    ]


@cache
def with_removal_noted(outside: Outside) -> Outside:
    """Note that a removal is confirmed for good, unless the copy has drifted."""
    return outside if outside.drifted else _with(outside, removed=True)


@cache
def calm(outside: Outside) -> Outside:
    """Return the outside when faults have stopped and all strays are gone."""
    return _with(outside, strays=(0, 0, 0), decisions=0, invalidations=0, removed=False)


@cache
def _one(values: tuple[Any, ...]) -> Outside:
    return Outside(*values)


def _with(outside: Outside, **values: Any) -> Outside:
    return _one(astuple(replace(outside, **values)))
