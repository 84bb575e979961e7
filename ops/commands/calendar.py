"""`permit-hub calendar`: what will happen when, as the database stands, or what would be done on one day."""

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated

import typer

from ops.calendar import document, print_day, write_day
from ops.commands.operated import operated
from ops.commands.options import AsJson, complain
from ops.commands.printed import print_json
from ops.commands.reach import RunningOn, asking, reach
from ops.outlook import print_outlook
from worker.db.clock.outlook import Concerned
from worker.domain.outlook import What
from worker.hub import Hub
from worker.services.clock.outlook import foretell, foretell_day

DAYS = 90
LISTED = 20
LONGEST = 3_653  # days: the longest term


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-09-16.") from None


def calendar(
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
    """Show when permits lapse and are forgotten, and reminders are decided, if nothing else changes.

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
        found = foretell(hub, today, until)
        if as_json:
            print_json(document(found, today, until))
        else:
            print_outlook(found, today, until, hub.schedule)


def _show_day(hub: Hub, day: date, today: date, limit: int, *, as_json: bool) -> None:
    if not today <= day <= today + timedelta(days=LONGEST):
        complain(f"{day} is past: nothing is done then." if day < today else f"{day} is more than ten years ahead.")
        raise typer.Exit(2)
    # What is read is put aside first: whoever reads the output slowly must not keep a transaction open.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as aside:
        kept: list[tuple[Counter[What], list[Concerned]]] = []

        def tell(counts: Counter[What], concerned: Iterator[Concerned]) -> None:
            if as_json:
                write_day(aside, day, counts, concerned)
            else:
                kept.append((counts, list(concerned)))

        foretell_day(hub, day, today, tell, None if as_json else limit)
        if as_json:
            aside.seek(0)
            shutil.copyfileobj(aside, sys.stdout)
        for counts, concerned in kept:
            print_day(day, counts, concerned)
