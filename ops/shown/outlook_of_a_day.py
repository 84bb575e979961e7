"""The outlook of one day, permit by permit: as JSON, and as tables. `ops.shown.outlook` has that of many days."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import IO

from rich.table import Table

from ops.shown.tables import print_left_out, table
from ops.shown.terminal import results
from ops.shown.times import day as written
from worker.db.clock.outlook import PermitAction
from worker.domain.outlook import Action, ActionKind

ENDS = (ActionKind.LAPSE, ActionKind.RENEWAL, ActionKind.REQUEST, ActionKind.CHANGE, ActionKind.ANONYMISE)
REMINDERS = (ActionKind.EXPIRY, ActionKind.PAYMENT)
NAMES: Mapping[ActionKind, str] = {
    ActionKind.LAPSE: "permits lapse",
    ActionKind.RENEWAL: "renewals take over",
    ActionKind.REQUEST: "requests lapse, not paid",
    ActionKind.CHANGE: "changes lapse, not paid",
    ActionKind.ANONYMISE: "permits are anonymised",
    ActionKind.EXPIRY: "reminders of a term's end",
    ActionKind.PAYMENT: "reminders to pay",
}
ONE: Mapping[ActionKind, str] = {
    ActionKind.LAPSE: "lapses",
    ActionKind.RENEWAL: "renewed, goes on",
    ActionKind.REQUEST: "request lapses",
    ActionKind.CHANGE: "change lapses",
    ActionKind.ANONYMISE: "anonymised",
    ActionKind.EXPIRY: "reminder, {}",
    ActionKind.PAYMENT: "to pay, {}",
}


def counted(counts: Mapping[Action, int]) -> dict[str, object]:
    """Return counts as a part of a JSON object: reminders by their days ahead, other actions by kind."""
    ends: dict[str, object] = {kind.value: counts.get(Action(kind), 0) for kind in ENDS}
    return ends | {f"{kind.value}s": _by_offset(counts, kind) for kind in REMINDERS}


def write_day(file: IO[str], day: date, counts: Mapping[Action, int], actions: Iterable[PermitAction]) -> None:
    """Write the outlook of a day as one JSON object on one line, with each permit as it is read."""
    head = json.dumps({"day": day.isoformat(), "counts": counted(counts)})
    file.write(f'{head[:-1]}, "permits": [')
    for number, one in enumerate(actions):
        row = {"permit_id": str(one.permit_id), "what": one.action.kind.value, "days_ahead": one.action.days_ahead}
        file.write((", " if number else "") + json.dumps(row | {"last_day": one.day.isoformat()}))
    file.write("]}\n")


def print_day(day: date, counts: Mapping[Action, int], actions: Sequence[PermitAction]) -> None:
    """Print the outlook of a day: counts per action, then permits."""
    console, count = results(), sum(counts.values())
    if not count:
        console.print(f"Nothing would be done on {written(day)}.")
        return
    made = table(f"What would be done on {written(day)}", "", "permits", right=frozenset({"permits"}))
    for action in sorted(counts, key=_in_order):
        made.add_row(_name(action), f"{counts[action]:,}")
    console.print(made)
    if actions:
        console.print()
        console.print(_listed(actions))
    print_left_out(console, count - len(actions))


def in_words(days_ahead: int) -> str:
    """Return when a reminder is for: 30 days ahead, on the day, 1 day after."""
    if days_ahead == 0:
        return "on the day"
    count = abs(days_ahead)
    return f"{count} day{'' if count == 1 else 's'} {'ahead' if days_ahead > 0 else 'after'}"


def _listed(actions: Sequence[PermitAction]) -> Table:
    made = table("", "permit", "what", "last day")  # of a term, a payment period or a retention period
    for one in actions:
        words = ONE[one.action.kind].format(in_words(one.action.days_ahead or 0))
        made.add_row(str(one.permit_id), words, written(one.day))
    return made


def _name(action: Action) -> str:
    if action.days_ahead is None:
        return NAMES[action.kind]
    return f"{NAMES[action.kind]}, {in_words(action.days_ahead)}"


def _in_order(action: Action) -> tuple[int, int]:
    return list(ActionKind).index(action.kind), -(action.days_ahead or 0)


def _by_offset(counts: Mapping[Action, int], kind: ActionKind) -> dict[str, int]:
    of_it = sorted((action for action in counts if action.kind is kind), key=_in_order)
    return {str(action.days_ahead): counts[action] for action in of_it}
