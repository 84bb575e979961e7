"""Bars in a table, one for each row, as long as its share of the longest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

NARROWEST, WIDEST = 8, 60  # columns


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar; its mark tells it from other parts without its colour."""

    mark: str
    colour: str

    def times(self, number: int) -> Text:
        """Return the mark repeated."""
        return Text(self.mark * number, style=self.colour)


@dataclass(frozen=True, slots=True)
class Bar:
    """Parts one after the other. A bar of `longest` takes all of the width, and any other at least one mark."""

    parts: Sequence[tuple[Part, int]]
    longest: int

    def __rich_measure__(self, _console: Console, _options: ConsoleOptions) -> Measurement:
        return Measurement(NARROWEST, WIDEST)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text.assemble(*self._drawn(min(options.max_width, WIDEST)))

    def _drawn(self, width: int) -> Iterator[Text]:
        drawn = count = 0
        for part, more in self.parts:
            count += more
            until = max(count * width // self.longest, 1 if count else 0)
            yield part.times(until - drawn)
            drawn = until
