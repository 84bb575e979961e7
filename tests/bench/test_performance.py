"""The page of figures against other task queues: what is made of the rounds, and who is in it."""

import ast
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import peers
from bench.__main__ import MEASURES
from bench.document import GROUPS, document, main, plots
from bench.figures import Figure
from bench.meanings import docstring
from bench.peers.__main__ import Run
from bench.peers.floors import FLOORS
from bench.peers.registry import HUB, PEERS
from bench.peers.results import TITLES, Results, Spread
from bench.peers.work import FULL, QUICK

MODULES = Path(str(peers.__file__)).parent
OF_A_PEER = {"enqueue", "confirm", "no_op", "purge"}
MACHINE = {
    "measured_on": "2026-01-02",
    "processor": "A processor",
    "cores": 2,
    "memory_gb": 8,
    "system": "Linux",
    "python": "3.11.2",
    "load_at_start": 0.1,
}
RECEIPT = Figure("job to receipt, median", 12.34, "ms", 10.0, 15.0, 500, 8.0)
ALONE = {"machine": MACHINE, "quick": False, "figures": {"receipt": [RECEIPT.as_json()]}, "failures": {}}


@pytest.fixture
def results() -> Results:
    """Return three rounds; all figures of a turn are the same number."""
    keys = [row.key for row in Results(MACHINE, False, 20_000, [], [], []).rows]
    rounds = [
        {HUB: dict.fromkeys(keys, ours), "celery": dict.fromkeys(keys, theirs)}
        for ours, theirs in ((10.0, 20.0), (30.0, 10.0), (20.0, 80.0))
    ]
    floors = [dict.fromkeys(FLOORS, value) for value in (0.5, 0.7, 0.6)]
    return Results.from_json(
        {
            "machine": MACHINE,
            "quick": False,
            "backlog": 20_000,
            "rounds": rounds,
            "floors": floors,
            "failures": [],
        }
    )


def test_a_figure_is_the_median_of_all_rounds_with_their_spread(results: Results) -> None:
    assert results.spread(HUB, "idle_median_ms") == Spread(20.0, 10.0, 30.0)
    assert results.floor("commit_ms") == Spread(0.6, 0.5, 0.7)


def test_ratios_are_taken_within_a_round(results: Results) -> None:
    assert results.ratio("idle_median_ms", "celery") == Spread(0.5, 0.25, 3.0)


def test_a_run_is_read_as_it_was_written(results: Results) -> None:
    assert Results.from_json(results.as_json()) == results


def test_the_page_has_the_figures_the_ratios_and_the_floors(results: Results) -> None:
    lines = document(ALONE, results).splitlines()
    assert "|  | permit-hub | Celery, as usual |" in lines
    assert "| withdrawal behind 20,000 pushes, median, ms | 20 (10 – 30) | 20 (10 – 80) |" in lines
    assert "| withdrawal behind 20,000 pushes, median | 0.5 × (0.25 – 3) |" in lines
    assert "| a commit to disk | 0.6 ms (0.5 – 0.7) |" in lines
    assert "| job to receipt, median | 12.3 ms | 10 – 15 |" in lines


def test_the_page_has_each_target_beside_its_figure(results: Results) -> None:
    lines = document(ALONE, results).splitlines()
    assert "| job to receipt, median | 12.3 ms | ≤ 8 ms | missed |" in lines
    assert "| pushes, answered at once, against the best plain Celery | 0.5 × (0.25 – 3) | ≥ 3 × | missed |" in lines
    assert "3 of 3 targets are missed." in lines


def test_the_hub_is_compared_with_the_better_plain_form_of_each_round(results: Results) -> None:
    for one, better in zip(results.rounds, (5.0, 30.0, 2.0), strict=True):
        one["celery_fair"] = {"pushes_per_s_0ms": better}
    assert results.against_plain("pushes_per_s_0ms") == Spread(0.5, 0.25, 1.0)


def test_what_is_left_of_a_run_in_which_turns_failed_is_shown(results: Results) -> None:
    del results.rounds[0]["celery"]["idle_median_ms"]
    results.rounds[1]["celery"].clear()
    results.floors[2].clear()
    results.failures.append("round 2, Celery, as usual: TimeoutError: not within 120 s")
    failed = {**ALONE, "failures": {"cost": "OperationalError: the server\nclosed the connection"}}
    lines = document(failed, results).splitlines()
    assert "- round 2, Celery, as usual: TimeoutError: not within 120 s" in lines
    assert "- `make bench`, cost: OperationalError: the server closed the connection" in lines
    assert "| withdrawal without other work, median, ms | 20 (10 – 30) | 80 |" in lines
    assert "| withdrawal without other work, median | 0.25 × |" in lines
    assert set(plots(results)) == {"withdrawals.svg", "pushes.svg"}


def test_a_turn_that_fails_loses_neither_the_others_nor_what_it_had_measured(tmp_path: Path) -> None:
    file = tmp_path / "peers.json"
    run = Run(Results(MACHINE, True, 800, [{HUB: {}, "celery": {}}], [], []), [HUB, "celery"], 1, QUICK, file)

    def fail_half_way() -> None:
        run.results.rounds[0][HUB]["idle_median_ms"] = 20.0
        raise TimeoutError("the backlog stands still")

    run.attempt(0, TITLES[HUB], fail_half_way)
    run.attempt(0, TITLES["celery"], lambda: run.results.rounds[0]["celery"].update(idle_median_ms=30.0))
    written = Results.from_json(json.loads(file.read_text()))
    assert written.rounds == [{HUB: {"idle_median_ms": 20.0}, "celery": {"idle_median_ms": 30.0}}]
    assert written.failures == ["round 1, permit-hub: TimeoutError: the backlog stands still"]


def test_the_page_and_its_plots_are_written_from_two_files(results: Results, tmp_path: Path) -> None:
    for name, data in (("hub", ALONE), ("peers", results.as_json())):
        (tmp_path / name).write_text(json.dumps(data))
    main(tmp_path / "hub", tmp_path / "peers", tmp_path / "docs")
    page = (tmp_path / "docs" / "performance.md").read_text()
    for name in ("withdrawals.svg", "pushes.svg"):
        assert f"(images/{name})" in page
        assert (tmp_path / "docs" / "images" / name).exists()


def test_the_page_is_written_although_nothing_was_measured(tmp_path: Path) -> None:
    (tmp_path / "hub").touch()
    main(tmp_path / "hub", tmp_path / "peers", tmp_path / "docs")
    page = (tmp_path / "docs" / "performance.md").read_text()
    assert "- `make bench`, all of it: it wrote no figures" in page
    assert "- the peers: it wrote no figures" in page


def test_every_measure_has_its_place_on_the_page() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(MEASURES)


def test_the_page_says_where_the_hub_loses(results: Results) -> None:
    lines = document(ALONE, results).splitlines()
    assert "- pushes, answered after 50 ms: Celery, as usual (0.5 ×, 0.25 – 3)" in lines
    assert not any(line.startswith("- withdrawal") for line in lines)


def test_the_page_tells_why_each_peer_is_fair(results: Results) -> None:
    assert f"**{PEERS['celery'].title}.** {docstring(MODULES / 'celery_usual.py')}" in document(ALONE, results)


def test_plots_have_every_contender_and_its_figure(results: Results) -> None:
    found = plots(results)
    assert set(found) == {"withdrawals.svg", "pushes.svg"}
    for plot in found.values():
        texts = [element.text for element in ElementTree.fromstring(plot).iter("{http://www.w3.org/2000/svg}text")]
        assert {TITLES[HUB], TITLES["celery"], "20"} <= set(texts)


def test_a_longer_bar_is_a_larger_figure(results: Results) -> None:
    keys = results.rounds[0][HUB]
    rounds = [{HUB: dict.fromkeys(keys, 5.0), "celery": dict.fromkeys(keys, 500.0)}]
    plot = plots(Results(MACHINE, False, 20_000, rounds, results.floors, []))["pushes.svg"]
    bars = list(ElementTree.fromstring(plot).iter("{http://www.w3.org/2000/svg}rect"))
    ours, theirs = (float(bar.attrib["width"]) for bar in bars[:2])
    assert 0 < ours < theirs


def test_every_module_of_a_peer_is_registered() -> None:
    assert {peer.module for peer in PEERS.values()} == {path.stem for path in MODULES.glob("*.py") if _is_peer(path)}


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_says_why_it_is_fair(name: str) -> None:
    assert "It is fair since " in docstring(MODULES / f"{PEERS[name].module}.py")


@pytest.mark.parametrize("name", PEERS)
def test_a_peers_workers_run_its_own_module(name: str) -> None:
    for command in (*PEERS[name].workers.values(), *filter(None, [PEERS[name].set_up])):
        assert any(f"bench.peers.{PEERS[name].module}" in part for part in command)


@pytest.mark.parametrize("size", [FULL, QUICK])
def test_errors_come_last(size: object) -> None:
    """What they leave behind is sent again later, and would count in the next measurement."""
    assert isinstance(size, type(FULL))
    errors = [condition.errors for condition in size.conditions]
    assert errors == sorted(errors)
    assert errors[-1] > 0


def _is_peer(path: Path) -> bool:
    """Return whether a module has a peer's functions, its own or another peer's."""
    body = ast.parse(path.read_text()).body
    own = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    taken = {alias.name for node in body if isinstance(node, ast.ImportFrom) for alias in node.names}
    return own | taken >= OF_A_PEER
