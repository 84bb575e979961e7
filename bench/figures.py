"""A measured figure with its target, and how figures are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Literal

from rich.console import Console
from rich.table import Table

WIDTH = 120  # in a file


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: `low` and `high` are the spread of the measurements; `at_most` says that lower is better."""

    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    measured: int = 1
    target: float | None = None
    at_most: bool = True

    @property
    def verdict(self) -> Literal["met", "missed", ""]:
        """Return whether the target is met; empty without a target."""
        if self.target is None:
            return ""
        return "met" if (self.value <= self.target if self.at_most else self.value >= self.target) else "missed"

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "low": None if self.low is None else round(self.low, 4),
            "high": None if self.high is None else round(self.high, 4),
            "measured": self.measured,
            "target": self.target,
            "at_most": self.at_most,
            "verdict": self.verdict or None,
        }


def times(
    name: str, taken_ms: Sequence[float], *, median_target: float | None, p99_target: float | None
) -> list[Figure]:
    """Return the median (spread: the middle half) and the 99th percentile (spread: 95th to maximum) of many times."""
    ordered = sorted(taken_ms)
    number = len(ordered)
    return [
        Figure(
            f"{name}, median", median(ordered), "ms", _part(ordered, 0.25), _part(ordered, 0.75), number, median_target
        ),
        Figure(f"{name}, p99", _part(ordered, 0.99), "ms", _part(ordered, 0.95), ordered[-1], number, p99_target),
    ]


def p99(taken: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return _part(sorted(taken), 0.99)


def rates(name: str, each: Sequence[float], unit: str, target: float | None = None) -> Figure:
    """Return the median of several rates, with the lowest and the highest."""
    return Figure(name, median(each), unit, min(each), max(each), len(each), target, at_most=False)


def show(figures: Sequence[Figure]) -> None:
    """Print a table."""
    table = Table("figure", "value", "spread", "n", "target", "", title="permit-hub, all on this machine")
    for column in table.columns[1:5]:
        column.justify = "right"
    for figure in figures:
        spread = "" if figure.low is None or figure.high is None else f"{_plain(figure.low)} – {_plain(figure.high)}"
        sign = "≤" if figure.at_most else "≥"
        target = "" if figure.target is None else f"{sign} {_plain(figure.target)}"
        style = "red" if figure.verdict == "missed" else "green"
        verdict = f"[{style}]{figure.verdict}[/]" if figure.verdict else ""
        table.add_row(
            figure.name, f"{_plain(figure.value)} {figure.unit}", spread, str(figure.measured), target, verdict
        )
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH)).print(table)


def _part(ordered: Sequence[float], part: float) -> float:
    """Return the smallest measurement that at least this part of all measurements does not exceed."""
    return ordered[ceil(part * len(ordered)) - 1]


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
