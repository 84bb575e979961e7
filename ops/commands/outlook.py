"""`permit-hub outlook`: what the hub will do on which days, as the database stands, or on one day in detail."""

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated

import typer

from ops.commands.operated import operated
from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, reach
from ops.shown.outlook import document, print_outlook
from ops.shown.outlook_of_a_day import print_day, write_day
from ops.shown.terminal import complain, print_json
from worker.db.clock.outlook import PermitEffect
from worker.domain.outlook import Effect
from worker.hub import Hub
from worker.services.clock.outlook import read_day, read_outlook

DAYS = 90
LISTED = 20
LONGEST = 3_653  # days: the longest term


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-09-16.") from None


def outlook(
    days: Annotated[
        int | None,
        typer.Option(help="How many days to look at, today included.", min=1, max=LONGEST, show_default=f"{DAYS}"),
    ] = None,
    as_of: Annotated[
        date | None,
        typer.Option("--as-of", parser=_read_day, metavar="DATE", help="Say what would be done on this day alone."),
    ] = None,
    limit: Annotated[
        int, typer.Option(help="With --as-of: the most permits to list; --json lists all.", min=0, max=100_000)
    ] = LISTED,
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """Show when permits lapse and are anonymised, and reminders are decided, if nothing else changes.

    It only looks: nothing is done, and nothing can be.
    """
    if days is not None and as_of is not None:
        complain("--as-of is of one day: it goes without --days.")
        raise typer.Exit(2)
    reach(data)
    with asking(), operated() as hub:
        today = hub.today()
        if as_of is not None:
            _show_day(hub, as_of, today, limit, as_json=as_json)
            return
        until = today + timedelta(days=(days or DAYS) - 1)
        found = read_outlook(hub, today, until)
        if as_json:
            print_json(document(found, today, until))
        else:
            print_outlook(found, today, until, hub.schedule)


def _show_day(hub: Hub, day: date, today: date, limit: int, *, as_json: bool) -> None:
    if not today <= day <= today + timedelta(days=LONGEST):
        complain(f"{day} is past: nothing is done then." if day < today else f"{day} is more than ten years ahead.")
        raise typer.Exit(2)
    # Rows go to a file first, so that a slow reader of the output does not keep a transaction open.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as aside:
        kept: list[tuple[Counter[Effect], list[PermitEffect]]] = []

        def tell(counts: Counter[Effect], effects: Iterator[PermitEffect]) -> None:
            if as_json:
                write_day(aside, day, counts, effects)
            else:
                kept.append((counts, list(effects)))

        read_day(hub, day, today, tell, None if as_json else limit)
        if as_json:
            aside.seek(0)
            shutil.copyfileobj(aside, sys.stdout)
        for counts, effects in kept:
            print_day(day, counts, effects)
