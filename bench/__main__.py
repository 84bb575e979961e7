"""`python -m bench [names…]`: measure the hub, by all measures or those named."""

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console

from bench import clock, floors, importing, jobs, lanes, memory, personal_space, pushes, reconciliation, withdrawals
from bench.figures import Figure, show
from bench.ground import Ground, cores
from ops.embedded.folders import remove_data
from ops.embedded.stack import Stack


class Measure(Protocol):
    """A measure of a running stack."""

    def __call__(self, ground: Ground, *, quick: bool) -> list[Figure]: ...


MEASURES: Mapping[str, Measure] = {
    "floors": floors.measure,
    "receipt": jobs.measure_receipt,
    "withdrawal": withdrawals.measure_idle,
    "queue": jobs.measure_queue,
    "import": jobs.measure_import,
    "behind": withdrawals.measure_behind,
    "importing": importing.measure,
    "pushes": pushes.measure,
    "lanes": lanes.measure,
    "hanging": lanes.measure_hanging,
    "reconciliation": reconciliation.measure,
    "views": personal_space.measure_views,
    "events": personal_space.measure_events,
    "click": personal_space.measure_click,
    "calendar": clock.measure,
    "memory": memory.measure,
}

messages = Console(stderr=True)  # standard output carries results only


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Of: {', '.join(MEASURES)}. All when none is named.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer measurements, within a minute.")] = False,
) -> None:
    """Measure speed and memory on an embedded stack of its own, everything on this machine's cores."""
    unknown = set(names or ()) - MEASURES.keys()
    if unknown:
        messages.print(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(MEASURES)}", style="red")
        raise typer.Exit(2)
    started = time.perf_counter()
    figures = _measured([name for name in MEASURES if not names or name in names], quick=quick)
    if as_json:
        json.dump({"cores": cores(), "quick": quick, "figures": [figure.as_json() for figure in figures]}, sys.stdout)
        print()
    else:
        show(figures)
        messages.print(f"{cores()} cores; {time.perf_counter() - started:.0f} s in all")


def _measured(names: list[str], *, quick: bool) -> list[Figure]:
    data = Path(tempfile.mkdtemp(prefix="permit-hub-bench-"))
    data.chmod(0o711)  # PostgreSQL's account passes through
    figures: list[Figure] = []
    try:
        with messages.status("starting the stack") as status, Stack(data) as stack:
            ground = Ground.on(stack)
            for name in names:
                status.update(f"measuring: {name}")
                figures += MEASURES[name](ground, quick=quick)
            ground.close()
    finally:
        remove_data(data)
    return figures


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
