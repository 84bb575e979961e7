"""The outlook of many days: as JSON, and as tables, with bars in a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ops.shown.bars import Bar, Part
from ops.shown.outlook_of_a_day import counted, in_words
from ops.shown.tables import table
from ops.shown.terminal import results
from ops.shown.times import day as written
from worker.domain.outlook import SINGLE_DAYS, Effect, EffectKind, Period, totals
from worker.domain.reminders import Schedule

_ANY_WIDTH = 10_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of figures, and its part of a bar."""

    effect: Effect
    heading: str
    part: Part


ENDS = (
    Column(Effect(EffectKind.LAPSE), "permits\nlapse", Part("█", "cyan")),
    Column(Effect(EffectKind.RENEWAL), "renewals\ntake over", Part("▓", "green")),
    Column(Effect(EffectKind.REQUEST), "requests\nnot paid", Part("▒", "yellow")),
    Column(Effect(EffectKind.CHANGE), "changes\nnot paid", Part("░", "magenta")),
)
ANONYMISED = (Column(Effect(EffectKind.ANONYMISE), "permits\nanonymised", Part("█", "bright_black")),)


def document(found: Sequence[Period], today: date, until: date) -> dict[str, object]:
    """Return the outlook as one JSON object; its first period may be what is overdue."""
    return {
        "first_day": today,
        "last_day": until,
        "periods": [
            {"first_day": one.first, "last_day": one.last, "overdue": one.first is None} | counted(one.counts)
            for one in found
        ],
        "totals": counted(totals(one.counts for one in found)),
    }


def print_outlook(found: Sequence[Period], today: date, until: date, schedule: Schedule) -> None:
    """Print the outlook as up to three tables that fit 80 columns, each with its totals."""
    console = results()
    days = f"{written(today)} to {written(until)}"
    if not found:
        console.print(f"Nothing is to be done from {days}.")
    by_week = (until - today).days >= SINGLE_DAYS
    tables = {"What ends": ENDS, "Reminders": _reminders(schedule), "What is anonymised": ANONYMISED}
    for title, columns in tables.items():
        shown = [one for one in found if any(column.effect in one.counts for column in columns)]
        if not shown:
            continue
        made = _table(f"{title}, {days}", columns, shown, by_week=by_week, bars=console.is_terminal)
        if Measurement.get(console, console.options.update(width=_ANY_WIDTH), made).minimum > console.width:
            made = _table(f"{title}, {days}", columns, shown, by_week=by_week, bars=False)
        console.print(made)
        console.print()


def _reminders(schedule: Schedule) -> list[Column]:
    expiry = [
        Column(Effect(EffectKind.EXPIRY, ahead), "\n".join(in_words(ahead).rsplit(" ", 1)), Part("█", "blue"))
        for ahead in sorted(schedule.expiry, reverse=True)
    ]
    return expiry + [
        Column(
            Effect(EffectKind.PAYMENT, ahead), f"to pay,\n{in_words(ahead).removesuffix(' ahead')}", Part("▒", "yellow")
        )
        for ahead in sorted(schedule.payment, reverse=True)
    ]


def _table(title: str, columns: Sequence[Column], found: Sequence[Period], *, by_week: bool, bars: bool) -> Table:
    made = table(title)
    made.min_width = len(title)  # a title over a narrow table stays on its line
    made.add_column("week of" if by_week else "day", no_wrap=True)
    for column in columns:
        made.add_column(_heading(column, with_part=bars), justify="right", no_wrap=True)
    if bars:
        made.add_column()
    longest = max(_count(one.counts, columns) for one in found)
    for one in found:
        parts = [(column.part, one.counts.get(column.effect, 0)) for column in columns]
        made.add_row(_when(one, by_week=by_week), *_figures(one.counts, columns), *([Bar(parts, longest)] * bars))
    made.add_section()
    made.add_row("total", *_figures(totals(one.counts for one in found), columns), style="bold")
    return made


def _heading(column: Column, *, with_part: bool) -> Text:
    above, below = column.heading.split("\n")
    part = [column.part.times(1), Text(" ")] if with_part else []
    return Text("\n").join([Text(above), Text.assemble(*part, below)])


def _when(one: Period, *, by_week: bool) -> Text:
    if one.first is None:
        return Text("overdue", style="red")
    return Text(written(one.first) if by_week else f"{one.first:%a} {written(one.first)}")


def _figures(counts: Mapping[Effect, int], columns: Sequence[Column]) -> list[Text]:
    figures = (counts.get(column.effect, 0) for column in columns)
    return [Text(f"{figure:,}") if figure else Text("–", style="dim") for figure in figures]


def _count(counts: Mapping[Effect, int], columns: Sequence[Column]) -> int:
    return sum(counts.get(column.effect, 0) for column in columns)
