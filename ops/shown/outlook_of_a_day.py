"""The outlook of one day, permit by permit: as JSON, and as tables. `ops.shown.outlook` has that of many days."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import IO

from rich.table import Table

from ops.shown.tables import print_left_out, table
from ops.shown.terminal import results
from ops.shown.times import day as written
from worker.db.clock.outlook import Concerned
from worker.domain.outlook import Doing, What

ENDS = (Doing.LAPSE, Doing.RENEWAL, Doing.REQUEST, Doing.CHANGE, Doing.ANONYMISE)
REMINDERS = (Doing.EXPIRY, Doing.PAYMENT)
NAMES: Mapping[Doing, str] = {
    Doing.LAPSE: "permits lapse",
    Doing.RENEWAL: "renewals take over",
    Doing.REQUEST: "requests lapse, not paid",
    Doing.CHANGE: "changes lapse, not paid",
    Doing.ANONYMISE: "permits are anonymised",
    Doing.EXPIRY: "reminders of a term's end",
    Doing.PAYMENT: "reminders to pay",
}
ONE: Mapping[Doing, str] = {
    Doing.LAPSE: "lapses",
    Doing.RENEWAL: "renewed, goes on",
    Doing.REQUEST: "request lapses",
    Doing.CHANGE: "change lapses",
    Doing.ANONYMISE: "anonymised",
    Doing.EXPIRY: "reminder, {}",
    Doing.PAYMENT: "to pay, {}",
}


def counted(counts: Mapping[What, int]) -> dict[str, object]:
    """Return counts as a part of a JSON object: reminders by their days ahead, other actions by kind."""
    ends: dict[str, object] = {doing.value: counts.get(What(doing), 0) for doing in ENDS}
    return ends | {f"{doing.value}s": _by_offset(counts, doing) for doing in REMINDERS}


def write_day(file: IO[str], day: date, counts: Mapping[What, int], concerned: Iterable[Concerned]) -> None:
    """Write the outlook of a day as one JSON object on one line, with each permit as it is read."""
    head = json.dumps({"day": day.isoformat(), "counts": counted(counts)})
    file.write(f'{head[:-1]}, "permits": [')
    for number, one in enumerate(concerned):
        told = {"permit_id": str(one.permit_id), "what": one.what.doing.value, "days_ahead": one.what.days_ahead}
        file.write((", " if number else "") + json.dumps(told | {"last_day": one.day.isoformat()}))
    file.write("]}\n")


def print_day(day: date, counts: Mapping[What, int], concerned: Sequence[Concerned]) -> None:
    """Print the outlook of a day: counts per action, then permits."""
    console, count = results(), sum(counts.values())
    if not count:
        console.print(f"Nothing would be done on {written(day)}.")
        return
    made = table(f"What would be done on {written(day)}", "", "permits", right=frozenset({"permits"}))
    for what in sorted(counts, key=_in_order):
        made.add_row(_name(what), f"{counts[what]:,}")
    console.print(made)
    if concerned:
        console.print()
        console.print(_listed(concerned))
    print_left_out(console, count - len(concerned))


def in_words(days_ahead: int) -> str:
    """Return when a reminder is for: 30 days ahead, on the day, 1 day after."""
    if days_ahead == 0:
        return "on the day"
    count = abs(days_ahead)
    return f"{count} day{'' if count == 1 else 's'} {'ahead' if days_ahead > 0 else 'after'}"


def _listed(concerned: Sequence[Concerned]) -> Table:
    made = table("", "permit", "what", "last day")  # of a term, a payment period or a retention period
    for one in concerned:
        words = ONE[one.what.doing].format(in_words(one.what.days_ahead or 0))
        made.add_row(str(one.permit_id), words, written(one.day))
    return made


def _name(what: What) -> str:
    if what.days_ahead is None:
        return NAMES[what.doing]
    return f"{NAMES[what.doing]}, {in_words(what.days_ahead)}"


def _in_order(what: What) -> tuple[int, int]:
    return list(Doing).index(what.doing), -(what.days_ahead or 0)


def _by_offset(counts: Mapping[What, int], doing: Doing) -> dict[str, int]:
    of_it = sorted((what for what in counts if what.doing is doing), key=_in_order)
    return {str(what.days_ahead): counts[what] for what in of_it}
