"""Write docs/performance.md and its plots from measurements: `python -m bench.document BENCH.json PEERS.json`.

The first file is the output of `python -m bench --json`, the second one is made by `python -m bench.peers --json`. A
part that could not be measured is said on the page.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.machine import machine
from bench.markdown import figure, reach, spread, table, target
from bench.meanings import COSTS_OF_STORED, MEANINGS, OF_SPREADS, docstring
from bench.peers.floors import FLOORS
from bench.peers.registry import HUB, PEERS
from bench.peers.results import AT_LEAST, TITLES, Results, Row, Spread, shown
from bench.peers.work import FULL
from bench.plots import Group, bars

DOCS = Path(__file__).resolve().parent.parent / "docs"
MODULES = Path(__file__).resolve().parent / "peers"
GROUPS: Mapping[str, Sequence[str]] = {
    "Withdrawals": ("withdrawal", "behind", "importing"),
    "Jobs": ("receipt", "queue", "import"),
    "Pushes": ("pushes", "lanes", "hanging"),
    "Many permits": ("cost", "reconciliation", "calendar"),
    "Residents' pages": ("views", "events", "click"),
    "Memory": ("memory",),
    "Floors": ("floors",),
}
"""The measures of `bench`, by their headings here."""

NOTHING = "it wrote no figures"
NOT_ALONE = {"quick": False, "figures": {}, "failures": {"all of it": NOTHING}}
NO_PEERS = {"quick": False, "backlog": FULL.backlog, "rounds": [], "floors": [], "failures": [f"the peers: {NOTHING}"]}

Hub = Mapping[str, Any]


def main(
    hub: Annotated[Path, typer.Argument(help="What `python -m bench --json` printed.")],
    peers: Annotated[Path, typer.Argument(help="What `python -m bench.peers --json` wrote.")],
    docs: Annotated[Path, typer.Option(help="The folder to write to.")] = DOCS,
) -> None:
    """Write the page and its plots."""
    results = Results.from_json(_read(peers) or {**NO_PEERS, "machine": machine()})
    alone = _read(hub) or {**NOT_ALONE, "machine": results.machine}
    (docs / "images").mkdir(parents=True, exist_ok=True)
    (docs / "performance.md").write_text(document(alone, results))
    for name, plot in plots(results).items():
        (docs / "images" / name).write_text(plot)


def _read(path: Path) -> Any:
    """Return what a measurement wrote; None if it wrote nothing."""
    written = path.read_text() if path.exists() else ""
    return json.loads(written) if written else None


def document(hub: Hub, results: Results) -> str:
    """Return the page; `hub` is what `make bench` measured."""
    return "\n".join(
        [
            "# Performance",
            "",
            "How fast the hub is, against its targets and against other task queues that do the same work. "
            "`make performance` measures all of it and writes this page.",
            "",
            *_failed(hub, results),
            *_machine(hub, results),
            *_targets(hub, results),
            *_field(results),
            *_lost(results),
            *_meanings(),
            *_peers(results),
            *_alone(hub),
        ]
    )


def plots(results: Results) -> dict[str, str]:
    """Return the plots by their files' names."""
    rows = {row.key: row for row in results.rows}
    pushes = [row for row in results.rows if row.key.startswith("pushes_per_s_")]
    return {
        "withdrawals.svg": bars(
            "From a withdrawal to four confirmations, median",
            "milliseconds, less is better",
            [_group(results, rows[key]) for key in ("idle_median_ms", "behind_median_ms")],
        ),
        "pushes.svg": bars(
            "Changes sent to four providers",
            "a second, more is better",
            [_group(results, row) for row in pushes],
        ),
    }


def _failed(hub: Hub, results: Results) -> list[str]:
    failures = [*(f"`make bench`, {name}: {why}" for name, why in hub["failures"].items()), *results.failures]
    if not failures:
        return []
    return [
        "**Not all of it could be measured.** The figures of these parts are missing here:",
        "",
        *(f"- {' '.join(failure.split())}" for failure in failures),
        "",
    ]


def _machine(hub: Hub, results: Results) -> list[str]:
    here = results.machine
    rounds = len(results.rounds)
    trial = " **This was only a trial (`--quick`).**" if results.quick or hub["quick"] else ""
    return [
        "## The machine",
        "",
        f"{here['processor']}, {here['cores']} cores for everything at once, {here['memory_gb']} GB, {here['system']}, "
        f"Python {here['python']}. Measured on {here['measured_on']}. The load was {here['load_at_start']} before the "
        f"peers were measured ({rounds} {'rounds' if rounds > 1 else 'round'} in turn), and "
        f"{hub['machine']['load_at_start']} before the hub alone was.{trial}",
        "",
        "Ratios carry over to other machines better than milliseconds do. This is what each part costs by itself, in "
        "the same run as the peers. Nothing that uses it can be faster.",
        "",
        *table(["floor", "median"], [[title, spread(results.floor(key), "ms")] for key, title in FLOORS.items()]),
        "To measure again, with nothing else running: `make performance` takes 45 minutes and writes this page. Its "
        "parts are `make bench` (the hub alone, 15 minutes) and `make bench-peers` (28 minutes). `make performance "
        "T=--quick` is a trial of ten minutes.",
        "",
    ]


def _targets(hub: Hub, results: Results) -> list[str]:
    lines = [
        [*figure(found)[:2], target(found["target"], at_most=found["at_most"], unit=found["unit"]), found["verdict"]]
        for names in GROUPS.values()
        for found in _figures(hub, names)
        if found["target"] is not None
    ]
    rows = {row.key: row for row in results.rows}
    for key, times in AT_LEAST.items():
        ratio = results.against_plain(key)
        verdict = "" if ratio is None else "met" if ratio.median >= times else "missed"
        name = f"{rows[key].title}, against the best plain Celery"
        lines.append([name, spread(ratio, "×"), target(times, at_most=False, unit="×"), verdict])
    missed = sum(line[-1] == "missed" for line in lines)
    told = "All targets are met." if not missed else f"{missed} of {len(lines)} targets are missed."
    return ["## Targets", "", told, "", *table(["", "measured", "target", ""], lines)]


def _field(results: Results) -> list[str]:
    names = results.contenders
    titles = [TITLES[name] for name in names]
    peers = [name for name in names if name != HUB]
    figures = [[_name(row), *(spread(results.spread(name, row.key)) for name in names)] for row in results.rows]
    ratios = [[row.title, *(spread(results.ratio(row.key, name), "×") for name in peers)] for row in results.contested]
    return [
        "## Against other task queues",
        "",
        "![Withdrawals](images/withdrawals.svg)",
        "",
        "![Pushes](images/pushes.svg)",
        "",
        "Medians of the rounds, with the lowest and the highest:",
        "",
        *table(["", *titles], figures),
        "The hub's figure as a multiple of the peer's, each round by itself. Of times and memory less is better, of "
        "pushes more:",
        "",
        *table(["", *(TITLES[name] for name in peers)], ratios),
    ]


def _lost(results: Results) -> list[str]:
    lines = []
    for row in results.contested:
        ahead = (f"{TITLES[name]} ({_briefly(ratio)})" for name, ratio in results.ahead(row))
        if told := ", ".join(ahead):
            lines.append(f"- {row.title}: {told}")
    first = "These peers are ahead, with the hub's figure as a multiple of theirs." if lines else "Nowhere in this run."
    return ["## Where the hub loses", "", first, "", *lines, *([""] if lines else [])]


def _meanings() -> list[str]:
    return ["## What each figure means", "", *(f"- {line}" for line in MEANINGS), "", *COSTS_OF_STORED, ""]


def _peers(results: Results) -> list[str]:
    told = [
        (TITLES[name], docstring(MODULES / f"{PEERS[name].module}.py")) for name in results.contenders if name != HUB
    ]
    return ["## The peers, and why each is fair", "", *(f"**{title}.** {text}\n" for title, text in told)]


def _alone(hub: Hub) -> list[str]:
    lines = ["## The hub alone", "", *OF_SPREADS, ""]
    for title, names in GROUPS.items():
        if found := _figures(hub, names):
            lines += [f"### {title}", "", *table(["", "measured", "spread"], map(figure, found))]
    return lines


def _figures(hub: Hub, names: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the figures of some measures, in order."""
    return [measured for name in names for measured in hub["figures"].get(name, ())]


def _briefly(ratio: Spread) -> str:
    return f"{shown(ratio.median)} ×, {reach(ratio.low, ratio.high)}"


def _group(results: Results, row: Row) -> Group:
    measured = {TITLES[name]: results.spread(name, row.key) for name in results.contenders}
    return Group(row.title, {title: found for title, found in measured.items() if found is not None})


def _name(row: Row) -> str:
    return f"{row.title}, {row.unit}"


if __name__ == "__main__":
    typer.run(main)
