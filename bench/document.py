"""Write docs/performance.md and its plots from measurements: `python -m bench.document BENCH.json PEERS.json`.

The first file is the output of `python -m bench --json`, the second one is made by `python -m bench.peers --json`.
"""

import ast
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.peers.floors import FLOORS
from bench.peers.registry import HUB, PEERS
from bench.peers.results import TITLES, Results, Row, Spread, shown
from bench.plots import Group, bars

DOCS = Path(__file__).resolve().parent.parent / "docs"
MODULES = Path(__file__).resolve().parent / "peers"


def main() -> None:
    """Read both files and write the document and its plots."""
    hub, peers = (json.loads(Path(name).read_text()) for name in sys.argv[1:])
    results = Results.from_json(peers)
    (DOCS / "performance.md").write_text(document(hub, results))
    for name, plot in plots(results).items():
        (DOCS / "images" / name).write_text(plot)


def document(hub: Mapping[str, Any], results: Results) -> str:
    """Return the document; `hub` is what `make bench` measured."""
    return "\n".join(
        [
            "# Performance",
            "",
            "`make performance` writes this page from what it measures.",
            "",
            *_machine(results),
            *_field(results),
            *_meanings(results),
            *_lost(results),
            *_peers(results),
            *_alone(hub),
        ]
    )


def plots(results: Results) -> dict[str, str]:
    """Return the plots by their files' names."""
    rows = {row.key: row for row in results.rows}
    return {
        "withdrawals.svg": bars(
            "From a withdrawal to four confirmations, median",
            "milliseconds, less is better",
            [_group(results, rows[key]) for key in ("idle_median_ms", "behind_median_ms")],
        ),
        "pushes.svg": bars(
            "Changes sent to four providers",
            "a second, more is better",
            [
                _group(results, rows[f"pushes_per_s_{condition}"])
                for condition in ("0ms", "50ms", "200ms", "50ms_errors")
            ],
        ),
    }


def _machine(results: Results) -> list[str]:
    here = results.machine
    rounds = len(results.rounds)
    return [
        "## The machine",
        "",
        f"{here['processor']}, {here['cores']} cores for everything at once, {here['memory_gb']} GB; {here['system']}, "
        f"Python {here['python']}; measured on {here['measured_on']}, with a load of {here['load_at_start']} before "
        f"the start, {rounds} {'rounds' if rounds > 1 else 'round'} in turn"
        f"{', by `--quick`: only a trial' if results.quick else ''}.",
        "",
        "Ratios carry over to other machines better than milliseconds do. What each part costs by itself, in the same "
        "run:",
        "",
        *_table(["floor", "median", "spread"], [_floor(results, key, title) for key, title in FLOORS.items()]),
        "",
        "To measure again: `make bench-peers` (an hour; `make bench-peers T=--quick` is a trial of three minutes), "
        "`make bench` for the hub alone, or `make performance` for both and this page. Nothing else should run then.",
        "",
    ]


def _field(results: Results) -> list[str]:
    names = results.contenders
    titles = [TITLES[name] for name in names]
    peers = [name for name in names if name != HUB]
    figures = [[_name(row), *(_spread(results.spread(name, row.key)) for name in names)] for row in results.rows]
    ratios = [[row.title, *(_ratio(results.ratio(row.key, name)) for name in peers)] for row in results.contested]
    return [
        "## Against the field",
        "",
        "Medians of the rounds, with the lowest and the highest.",
        "",
        *_table(["", *titles], figures),
        "",
        "The hub's figure as a multiple of the peer's, each round by itself:",
        "",
        *_table(["", *titles[1:]], ratios),
        "",
        "![Withdrawals](images/withdrawals.svg)",
        "",
        "![Pushes](images/pushes.svg)",
        "",
    ]


def _meanings(results: Results) -> list[str]:
    return [
        "## What each figure means",
        "",
        "- **Withdrawal, 4 confirmed**: for the hub, from the web app's call to the live event that the last of four "
        "providers has confirmed the removal: the decision is in the ledger, and each transmission in the log of "
        "disclosures. For a peer, from enqueuing four removals until each has its answer and is recorded by the queue: "
        "its result in Redis, or its row in PostgreSQL. No peer reads or writes consent.",
        f"- **Behind {results.backlog:,} pushes**: the same while a backlog is sent. Where a queue is first in, first "
        "out, there is one such withdrawal a round: it takes as long as the backlog.",
        "- **Pushes**: changes that reached the providers' stand-ins, a second, until nine tenths of a backlog are "
        "sent, or for 25 s. A peer's are new permits, put on the queue while its workers stand still, so that "
        "enqueuing is not counted. The hub's are shares made due. It sends "
        "Flowbird up to 500 changes a request, as that interface allows; the row *requests* shows what is left without "
        "that. PayByPhone needs two requests for a change, from all of them. The hub and each peer but Celery as usual "
        "have up to 128 pushes under way.",
        "- **5 % errors**: one request in 20 is answered with 500 at once. The first tries count, not the waits of "
        "retries.",
        "- **Processor time of a push**: of all processes with PostgreSQL and Valkey, without the stand-ins.",
        "- **Memory**: PSS, the most after any of the measurements: of the hub's workers and beat, without Flower; of "
        "a peer's workers. PostgreSQL and Valkey are in none.",
        "- **Stand-ins**: a process for each of the four providers. Their part of the machine is lost to the others.",
        "",
    ]


def _lost(results: Results) -> list[str]:
    lines = []
    for row in results.contested:
        ahead = (f"{TITLES[name]}, {shown(results.ratio(row.key, name).median)} ×" for name in results.ahead(row))
        if told := "; ".join(ahead):
            lines.append(f"- {row.title}: {told}")
    first = "The peers that are ahead, with the median of the ratios above." if lines else "Nowhere in this run."
    return ["## Where the hub loses", "", first, "", *lines, *([""] if lines else [])]


def _peers(results: Results) -> list[str]:
    told = [
        (TITLES[name], docstring(MODULES / f"{PEERS[name].module}.py")) for name in results.contenders if name != HUB
    ]
    return ["## The peers, and why each is fair", "", *(f"**{title}.** {text}\n" for title, text in told)]


def docstring(module: Path) -> str:
    """Return a module's docstring as one paragraph, without importing it."""
    return " ".join((ast.get_docstring(ast.parse(module.read_text())) or "").split())


def _alone(hub: Mapping[str, Any]) -> list[str]:
    """Return the hub's own figures; a target that is missed is said beside its figure."""
    lines = [
        [
            figure["name"].strip(),
            f"{shown(figure['value'])} {figure['unit']}".strip(),
            "" if figure["low"] is None or figure["high"] is None else _range(figure["low"], figure["high"]),
            "" if figure["target"] is None else f"{shown(figure['target'])} ({figure['verdict']})",
        ]
        for figure in hub["figures"]
    ]
    return [
        "## The hub alone",
        "",
        f"`make bench`, {hub['cores']} cores{', by `--quick`: only a trial' if hub['quick'] else ''}. A time's spread "
        "is the middle half of its median, and the highest twentieth of its p99; a rate's its lowest and its highest.",
        "",
        *_table(["figure", "value", "spread", "target"], lines),
        "",
    ]


def _group(results: Results, row: Row) -> Group:
    return Group(row.title, {TITLES[name]: results.spread(name, row.key) for name in results.contenders})


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    rule = ["---", *(["---:"] * (len(head) - 1))]
    return [f"| {' | '.join(line)} |" for line in (head, rule, *lines)]


def _floor(results: Results, key: str, title: str) -> list[str]:
    spread = results.floor(key)
    return [title, f"{shown(spread.median)} ms", _range(spread.low, spread.high)]


def _name(row: Row) -> str:
    return f"{row.title}, {row.unit}"


def _spread(spread: Spread) -> str:
    return f"{shown(spread.median)} ({_range(spread.low, spread.high)})"


def _ratio(spread: Spread) -> str:
    return f"{shown(spread.median)} × ({_range(spread.low, spread.high)})"


def _range(low: float, high: float) -> str:
    return f"{shown(low)} – {shown(high)}"


if __name__ == "__main__":
    main()
