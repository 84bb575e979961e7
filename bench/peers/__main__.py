"""`python -m bench.peers [names…]`: measure the hub and its peers, or those named, in turn."""

import json
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.machine import machine
from bench.peers import driven, hub
from bench.peers.contender import Contender
from bench.peers.floors import FLOORS, floors
from bench.peers.registry import HUB, PEERS
from bench.peers.results import TITLES, Results, Spread, shown
from bench.peers.stand_ins import StandIns
from bench.peers.work import FULL, QUICK, Size, turn
from ops.embedded.folders import remove_data

ROUNDS = 5
WIDTH = 180  # in a file
FLOORS_TITLE = "floors"
messages = Console(stderr=True)  # standard output carries results only


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of: {', '.join(TITLES)}. All when none is named.")] = None,
    file: Annotated[
        Path | None, typer.Option("--json", help="Also write all figures to this file, again after each turn.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How many rounds; each has all of them in turn.")] = ROUNDS,
    quick: Annotated[bool, typer.Option("--quick", help="One short round, within four minutes.")] = False,
) -> None:
    """Measure the same work by the hub and by other task queues, everything on this machine's cores.

    A turn that fails is told, and the others go on. The exit status is 1 then.
    """
    unknown = set(names or ()) - TITLES.keys()
    if unknown:
        messages.print(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(TITLES)}", style="red")
        raise typer.Exit(2)
    started, here = time.perf_counter(), machine()
    wanted = [name for name in TITLES if not names or name in names]
    size = QUICK if quick else FULL
    run = Run(Results(here, quick, size.backlog, [], [], []), wanted, 1 if quick else rounds, size, file)
    run.measure()
    _show(run.results)
    messages.print(f"{here['cores']} cores; {time.perf_counter() - started:.0f} s in all")
    if run.results.failures:
        messages.print("\n".join(run.results.failures), style="red", markup=False)
        raise typer.Exit(1)


@dataclass
class Run:
    """The rounds, with the results so far, which are kept whatever fails."""

    results: Results
    names: Sequence[str]
    rounds: int
    size: Size
    file: Path | None

    def measure(self) -> None:
        """Measure round by round; each begins with another contender."""
        folder = Path(tempfile.mkdtemp(prefix="permit-hub-peers-"))
        folder.chmod(0o711)  # PostgreSQL's account passes through
        with messages.status("starting the stand-ins"), StandIns(folder) as stand_ins:
            for number in range(self.rounds):
                first = number % len(self.names)
                self._round(number, (*self.names[first:], *self.names[:first]), folder, stand_ins)
        if self.results.failures:
            messages.print(f"the logs are kept below {folder}", style="red")
        else:
            shutil.rmtree(folder)

    def _round(self, number: int, names: Sequence[str], folder: Path, stand_ins: StandIns) -> None:
        below: dict[str, float] = {}
        self.results.floors.append(below)
        found: dict[str, dict[str, float]] = {name: {} for name in names}
        self.results.rounds.append(found)

        def measure_floors() -> None:
            with _running("celery", folder, stand_ins) as celery:
                assert isinstance(celery, driven.PeerContender)
                below.update(floors(celery, stand_ins, self.size.no_ops))

        def measure_turn(name: str) -> None:
            with _running(name, folder, stand_ins) as contender:
                turn(contender, stand_ins, self.size, found[name])

        self.attempt(number, FLOORS_TITLE, measure_floors)
        for name in names:
            self.attempt(number, TITLES[name], lambda name=name: measure_turn(name))  # type: ignore[misc]

    def attempt(self, number: int, title: str, measure: Callable[[], None]) -> None:
        """Measure, note a failure, say how far the run is, and write what there is so far."""
        started = time.perf_counter()
        try:
            measure()
        except Exception as error:  # the other turns go on
            self.results.failures.append(f"round {number + 1}, {title}: {type(error).__name__}: {error}")
            messages.print(traceback.format_exc(), style="red", markup=False)
        seconds = time.perf_counter() - started
        messages.print(f"round {number + 1} of {self.rounds}: {title}, {seconds:.0f} s", markup=False)
        if self.file is not None:
            self.file.write_text(json.dumps(self.results.as_json(), indent=1) + "\n")


@contextmanager
def _running(name: str, folder: Path, stand_ins: StandIns) -> Iterator[Contender]:
    """Run one contender, on data of its own and with stand-ins that have forgotten the last one."""
    stand_ins.behave()
    stand_ins.reset()
    data = folder / name
    if data.exists():  # left by a turn that failed
        data.rename(folder / f"{name}-{time.time_ns()}")
    with hub.running(data, stand_ins) if name == HUB else driven.running(PEERS[name], data, stand_ins) as contender:
        yield contender
    remove_data(data)


def _show(results: Results) -> None:
    """Print all figures, then the hub's as multiples of each peer's."""
    table = Table("median (low – high)", *(TITLES[name] for name in results.contenders))
    for row in results.rows:
        spreads = [results.spread(name, row.key) for name in results.contenders]
        table.add_row(f"{row.title} {row.unit}", *(_cell(spread) for spread in spreads))
    if HUB in results.contenders and len(results.contenders) > 1:
        table.add_section()
        for row in results.contested:
            ratios = ["" if name == HUB else _cell(results.ratio(row.key, name)) for name in results.contenders]
            table.add_row(f"hub / peer: {row.title}", *ratios)
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH)).print(table)
    below = (f"{title} {shown(floor.median)} ms" for key, title in FLOORS.items() if (floor := results.floor(key)))
    console.print("floors:", ", ".join(below))


def _cell(spread: Spread | None) -> str:
    return "–" if spread is None else f"{shown(spread.median)} ({shown(spread.low)} – {shown(spread.high)})"


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
