"""Plots as SVG: horizontal bars with their spread, readable on light and on dark pages."""

from collections.abc import Mapping, Sequence
from html import escape
from math import floor, log10
from typing import NamedTuple

from bench.peers.results import Spread, shown

WIDTH, LEFT, RIGHT = 760, 150, 110
BAR, GAP, GROUP_GAP, TOP = 16, 4, 30, 56
COLOURS = ("#2f81f7", "#8b949e", "#a371f7", "#d29922", "#3fb950")  # told apart on white and on near-black
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 15px; }
.small { font-size: 11px; fill: #59636e; }
line { stroke: #1f2328; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .small { fill: #9198a1; }
  line { stroke: #f0f6fc; }
}
"""


class Group(NamedTuple):
    """Bars that stand together under a title, by their names."""

    title: str
    bars: Mapping[str, Spread]


def bars(title: str, unit: str, groups: Sequence[Group]) -> str:
    """Return a plot on a logarithmic scale, as the figures lie far apart; a line across a bar's end is its spread."""
    every = [value for group in groups for spread in group.bars.values() for value in spread if value > 0]
    scale = _Scale(min(every, default=1.0), max(every, default=10.0))
    parts, at = [_text(0, 18, title, "title"), _text(0, 34, f"{unit}, logarithmic", "small")], TOP
    for group in groups:
        parts.append(_text(0, at + 13, group.title, "title"))
        at += GROUP_GAP - 8
        for colour, (name, spread) in zip(COLOURS, group.bars.items(), strict=False):
            parts += _bar(at, colour, name, spread, scale)
            at += BAR + GAP
        at += GROUP_GAP - 16
    size = f'width="{WIDTH}" height="{at}" viewBox="0 0 {WIDTH} {at}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(title)}</title>'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


class _Scale:
    """Places on a logarithmic axis, which begins at the power of ten below the smallest value."""

    def __init__(self, low: float, high: float) -> None:
        self._first = floor(log10(low))
        self._powers = max(log10(high) - self._first, 0.1)

    def width(self, value: float) -> float:
        return max((log10(value) - self._first) / self._powers, 0.0) * (WIDTH - LEFT - RIGHT)


def _bar(top: int, colour: str, name: str, spread: Spread, scale: _Scale) -> list[str]:
    width, low, high = (scale.width(value) for value in spread)
    middle = top + BAR / 2
    return [
        _text(LEFT - 8, top + 13, name, "", anchor="end"),
        f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>',
        f'<line x1="{LEFT + low:.1f}" y1="{middle}" x2="{LEFT + high:.1f}" y2="{middle}"/>',
        _text(round(LEFT + high) + 6, top + 13, shown(spread.median), ""),
    ]


def _text(x: int, y: int, text: str, style: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{style}" text-anchor="{anchor}">{escape(text)}</text>'
