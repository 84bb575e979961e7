"""Tables and figures as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.peers.results import Spread, shown

NOT_MEASURED = "not measured"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """Return a table whose first column is text and whose others are figures, with an empty line after it."""
    rule = ["---", *(["---:"] * (len(head) - 1))]
    return [*(f"| {' | '.join(line)} |" for line in (head, rule, *lines)), ""]


def spread(measured: Spread | None, unit: str = "") -> str:
    """Return a median with its lowest and its highest."""
    if measured is None:
        return NOT_MEASURED
    middle = f"{shown(measured.median)} {unit}".strip()
    return middle if measured.low == measured.high else f"{middle} ({reach(measured.low, measured.high)})"


def reach(low: float, high: float) -> str:
    """Return the lowest and the highest."""
    return f"{shown(low)} – {shown(high)}"


def figure(measured: Mapping[str, Any]) -> list[str]:
    """Return a figure of `bench` as a line of a table: name, value, spread."""
    low, high = measured["low"], measured["high"]
    return [
        measured["name"].strip(),
        f"{shown(measured['value'])} {measured['unit'].strip()}".strip(),
        "" if low is None or high is None else reach(low, high),
    ]


def target(value: float, *, at_most: bool, unit: str = "") -> str:
    """Return a target."""
    return f"{'≤' if at_most else '≥'} {shown(value)} {unit.strip()}".strip()
