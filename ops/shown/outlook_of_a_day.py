"""The outlook of one day, permit by permit: as JSON, and as tables. `ops.shown.outlook` has that of many days."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import IO

from rich.table import Table

from ops.shown.tables import print_left_out, table
from ops.shown.terminal import results
from ops.shown.times import day as written
from worker.db.clock.outlook import PermitEffect
from worker.domain.outlook import Effect, EffectKind

ENDS = (EffectKind.LAPSE, EffectKind.RENEWAL, EffectKind.REQUEST, EffectKind.CHANGE, EffectKind.ANONYMISE)
REMINDERS = (EffectKind.EXPIRY, EffectKind.PAYMENT)
NAMES: Mapping[EffectKind, str] = {
    EffectKind.LAPSE: "permits lapse",
    EffectKind.RENEWAL: "renewals take over",
    EffectKind.REQUEST: "requests lapse, not paid",
    EffectKind.CHANGE: "changes lapse, not paid",
    EffectKind.ANONYMISE: "permits are anonymised",
    EffectKind.EXPIRY: "reminders of a term's end",
    EffectKind.PAYMENT: "reminders to pay",
}
ONE: Mapping[EffectKind, str] = {
    EffectKind.LAPSE: "lapses",
    EffectKind.RENEWAL: "renewed, goes on",
    EffectKind.REQUEST: "request lapses",
    EffectKind.CHANGE: "change lapses",
    EffectKind.ANONYMISE: "anonymised",
    EffectKind.EXPIRY: "reminder, {}",
    EffectKind.PAYMENT: "to pay, {}",
}


def counted(counts: Mapping[Effect, int]) -> dict[str, object]:
    """Return counts as a part of a JSON object: reminders by their days ahead, other effects by kind."""
    ends: dict[str, object] = {kind.value: counts.get(Effect(kind), 0) for kind in ENDS}
    return ends | {f"{kind.value}s": _by_offset(counts, kind) for kind in REMINDERS}


def write_day(file: IO[str], day: date, counts: Mapping[Effect, int], effects: Iterable[PermitEffect]) -> None:
    """Write the outlook of a day as one JSON object on one line, with each permit as it is read."""
    head = json.dumps({"day": day.isoformat(), "counts": counted(counts)})
    file.write(f'{head[:-1]}, "permits": [')
    for number, one in enumerate(effects):
        row = {"permit_id": str(one.permit_id), "what": one.effect.kind.value, "days_ahead": one.effect.days_ahead}
        file.write((", " if number else "") + json.dumps(row | {"last_day": one.day.isoformat()}))
    file.write("]}\n")


def print_day(day: date, counts: Mapping[Effect, int], effects: Sequence[PermitEffect]) -> None:
    """Print the outlook of a day: counts per effect, then permits."""
    console, count = results(), sum(counts.values())
    if not count:
        console.print(f"Nothing would be done on {written(day)}.")
        return
    made = table(f"What would be done on {written(day)}", "", "permits", right=frozenset({"permits"}))
    for effect in sorted(counts, key=_in_order):
        made.add_row(_name(effect), f"{counts[effect]:,}")
    console.print(made)
    if effects:
        console.print()
        console.print(_listed(effects))
    print_left_out(console, count - len(effects))


def in_words(days_ahead: int) -> str:
    """Return when a reminder is for: 30 days ahead, on the day, 1 day after."""
    if days_ahead == 0:
        return "on the day"
    count = abs(days_ahead)
    return f"{count} day{'' if count == 1 else 's'} {'ahead' if days_ahead > 0 else 'after'}"


def _listed(effects: Sequence[PermitEffect]) -> Table:
    made = table("", "permit", "what", "last day")  # of a term, a payment period or a retention period
    for one in effects:
        words = ONE[one.effect.kind].format(in_words(one.effect.days_ahead or 0))
        made.add_row(str(one.permit_id), words, written(one.day))
    return made


def _name(effect: Effect) -> str:
    if effect.days_ahead is None:
        return NAMES[effect.kind]
    return f"{NAMES[effect.kind]}, {in_words(effect.days_ahead)}"


def _in_order(effect: Effect) -> tuple[int, int]:
    return list(EffectKind).index(effect.kind), -(effect.days_ahead or 0)


def _by_offset(counts: Mapping[Effect, int], kind: EffectKind) -> dict[str, int]:
    of_it = sorted((effect for effect in counts if effect.kind is kind), key=_in_order)
    return {str(effect.days_ahead): counts[effect] for effect in of_it}
