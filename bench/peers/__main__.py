"""`python -m bench.peers [names…]`: measure the hub and its peers, or those named, in turn."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
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
from bench.peers.results import TITLES, Results, Spread, Turn, shown
from bench.peers.stand_ins import StandIns
from bench.peers.work import FULL, QUICK, Size, turn
from ops.embedded.folders import remove_data

ROUNDS = 5
WIDTH = 180  # in a file
messages = Console(stderr=True)  # standard output carries results only


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of: {', '.join(TITLES)}. All when none is named.")] = None,
    file: Annotated[Path | None, typer.Option("--json", help="Also write all figures to this file.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How many rounds; each has all of them in turn.")] = ROUNDS,
    quick: Annotated[bool, typer.Option("--quick", help="One short round, within three minutes.")] = False,
) -> None:
    """Measure the same work by the hub and by other task queues, everything on this machine's cores."""
    unknown = set(names or ()) - TITLES.keys()
    if unknown:
        messages.print(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(TITLES)}", style="red")
        raise typer.Exit(2)
    started, here = time.perf_counter(), machine()
    wanted = [name for name in TITLES if not names or name in names]
    size = QUICK if quick else FULL
    results = _measured(Results(here, quick, size.backlog, [], []), wanted, 1 if quick else rounds, size)
    if file is not None:
        file.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    _show(results)
    messages.print(f"{here['cores']} cores; {time.perf_counter() - started:.0f} s in all")


def _measured(results: Results, names: list[str], rounds: int, size: Size) -> Results:
    """Measure round by round; each begins with another contender."""
    folder = Path(tempfile.mkdtemp(prefix="permit-hub-peers-"))
    folder.chmod(0o711)  # PostgreSQL's account passes through
    try:
        with messages.status("starting the stand-ins") as status, StandIns(folder) as stand_ins:
            for number in range(rounds):
                status.update(f"round {number + 1} of {rounds}: floors")
                with _running("celery", folder, stand_ins) as celery:
                    assert isinstance(celery, driven.PeerContender)
                    below = floors(celery, stand_ins, size.no_ops)
                found: dict[str, Turn] = {}
                first = number % len(names)
                for name in (*names[first:], *names[:first]):
                    status.update(f"round {number + 1} of {rounds}: {TITLES[name]}")
                    with _running(name, folder, stand_ins) as contender:
                        found[name] = turn(contender, stand_ins, size)
                results = replace(results, rounds=[*results.rounds, found], floors=[*results.floors, below])
    except BaseException:
        messages.print(f"the logs are kept below {folder}", style="red")
        raise
    shutil.rmtree(folder)
    return results


@contextmanager
def _running(name: str, folder: Path, stand_ins: StandIns) -> Iterator[Contender]:
    """Run one contender, on data of its own and with stand-ins that have forgotten the last one."""
    stand_ins.reset()
    data = folder / name
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
    below = (f"{title} {shown(results.floor(key).median)} ms" for key, title in FLOORS.items())
    console.print("floors:", ", ".join(below))


def _cell(spread: Spread) -> str:
    return f"{shown(spread.median)} ({shown(spread.low)} – {shown(spread.high)})"


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
