"""`python -m bench [names…]`: measure the hub, by all measures or those named."""

import json
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console

from bench import (
    clock,
    cost,
    floors,
    importing,
    jobs,
    lanes,
    memory,
    personal_space,
    pushes,
    reconciliation,
    withdrawals,
)
from bench.figures import Figure, show
from bench.ground import Ground, cores
from bench.machine import machine
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
    "cost": cost.measure,  # fills the city of the next one
    "calendar": clock.measure,
    "memory": memory.measure,
}

messages = Console(stderr=True)  # standard output carries results only


@dataclass(slots=True)
class Measured:
    """What was measured, by measure, and the measures that failed, each with the reason."""

    figures: dict[str, list[Figure]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Of: {', '.join(MEASURES)}. All when none is named.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer measurements, within four minutes.")] = False,
) -> None:
    """Measure speed and memory on an embedded stack of its own, everything on this machine's cores.

    A measure that fails is told, and the others go on. The exit status is 1 then.
    """
    unknown = set(names or ()) - MEASURES.keys()
    if unknown:
        messages.print(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(MEASURES)}", style="red")
        raise typer.Exit(2)
    started, here = time.perf_counter(), machine()
    measured = _measured([name for name in MEASURES if not names or name in names], quick=quick)
    if as_json:
        figures = {name: [figure.as_json() for figure in found] for name, found in measured.figures.items()}
        about = {"machine": here, "quick": quick, "seconds": round(time.perf_counter() - started)}
        json.dump({**about, "figures": figures, "failures": measured.failures}, sys.stdout)
        print()
    else:
        show([figure for found in measured.figures.values() for figure in found])
    messages.print(f"{cores()} cores; {time.perf_counter() - started:.0f} s in all")
    if measured.failures:
        messages.print(f"failed: {', '.join(measured.failures)}", style="red")
        raise typer.Exit(1)


def _measured(names: Sequence[str], *, quick: bool) -> Measured:
    data = Path(tempfile.mkdtemp(prefix="permit-hub-bench-"))
    data.chmod(0o711)  # PostgreSQL's account passes through
    measured = Measured()
    try:
        with messages.status("starting the stack") as status, Stack(data) as stack:
            ground = Ground.on(stack)
            for place, name in enumerate(names, 1):
                status.update(f"measuring: {name}")
                started = time.perf_counter()
                try:
                    measured.figures[name] = MEASURES[name](ground, quick=quick)
                except Exception as error:  # the figures of the others are kept
                    measured.failures[name] = f"{type(error).__name__}: {error}"
                    messages.print(traceback.format_exc(), style="red", markup=False)
                messages.print(f"{place} of {len(names)}: {name}, {time.perf_counter() - started:.0f} s", markup=False)
            ground.close()
    finally:
        remove_data(data)
    return measured


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
