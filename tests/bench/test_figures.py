"""What is made of single measurements."""

import pytest

from bench.figures import Figure, rates, times


def test_times_are_shown_by_their_median_and_99th_percentile() -> None:
    middle, end = times("x", [float(n) for n in range(100, 0, -1)], median_target=50.0, p99_target=99.0)
    assert (middle.value, middle.low, middle.high, middle.measured) == (50.5, 25.0, 75.0, 100)
    assert (end.value, end.low, end.high) == (99.0, 95.0, 100.0)
    assert (middle.verdict, end.verdict) == ("missed", "met")


def test_a_single_time_is_everything_at_once() -> None:
    assert {figure.value for figure in times("x", [3.0], median_target=None, p99_target=None)} == {3.0}


@pytest.mark.parametrize(("target", "verdict"), [(None, ""), (20.0, "met"), (20.1, "missed")])
def test_of_rates_more_is_better(target: float | None, verdict: str) -> None:
    assert rates("x", [10.0, 20.0, 40.0], "/s", target).verdict == verdict


def test_a_machine_is_told_the_same_as_a_person() -> None:
    told = Figure("x", 1.0, "ms", target=2.0).as_json()
    assert (told["value"], told["target"], told["verdict"]) == (1.0, 2.0, "met")
