"""The window finds how many requests a provider answers without queueing; the provider is simulated."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.providing import Provider, Traffic
from worker.domain.window import LEAST, Window, allowed

MOST, KEPT = 32, 4
FULL = MOST - KEPT
ROUNDS = 400  # of answers by each server, in which the window surely settles

at_once = st.integers(2, 12)
service_seconds = st.floats(0.03, 0.5)
seeds = st.integers(0, 2**32 - 1)


def even(seconds: float) -> Callable[[], float]:
    return lambda: seconds


def uneven(seconds: float, seed: int, part: float = 0.2) -> Callable[[], float]:
    chance = Random(seed)
    return lambda: seconds * chance.uniform(1 - part, 1 + part)


def full() -> Traffic:
    """Return traffic with a provider that has room for all requests, once the window is as wide as may be."""
    traffic = Traffic(Window(MOST, KEPT))
    traffic.run(Provider(100, even(0.05)), 5.0)
    assert traffic.window.routine == FULL
    return traffic


@settings(max_examples=25, deadline=None)
@given(at_once, service_seconds, seeds)
def test_it_finds_how_many_a_provider_serves_at_once(at_once: int, seconds: float, seed: int) -> None:
    provider, traffic = Provider(at_once, uneven(seconds, seed)), Traffic(Window(MOST, KEPT))
    traffic.run(provider, ROUNDS * seconds)
    traffic.run(provider, ROUNDS * seconds)
    widths = sorted(traffic.widths)
    assert at_once - 1 <= widths[len(widths) // 2] <= 1.5 * at_once + 2
    assert traffic.answered >= 0.9 * ROUNDS * at_once
    assert traffic.timed_out == 0


def test_a_provider_with_eight_answers_a_second_loses_no_speed_from_the_first_request_on() -> None:
    provider, traffic = Provider(3, even(0.375)), Traffic(Window(MOST, KEPT))
    for _ in range(3):
        traffic.run(provider, 40.0)
        assert traffic.answered >= 0.9 * 8 * 40
        assert traffic.timed_out == 0
    assert max(traffic.widths) <= 6  # a withdrawal waits for no more than one answer


@settings(max_examples=15, deadline=None)
@given(service_seconds, seeds)
def test_a_provider_with_room_keeps_the_full_window_although_its_answer_times_vary(seconds: float, seed: int) -> None:
    provider, traffic = Provider(MOST, uneven(seconds, seed, part=0.3)), Traffic(Window(MOST, KEPT))
    traffic.run(provider, ROUNDS * seconds)
    traffic.run(provider, ROUNDS * seconds)
    assert min(traffic.widths) == FULL


@settings(max_examples=15, deadline=None)
@given(st.floats(0.0001, 0.002), seeds)
def test_delays_of_a_busy_machine_do_not_narrow_the_window_of_a_quick_provider(seconds: float, seed: int) -> None:
    chance = Random(seed)
    provider = Provider(MOST, lambda: seconds + chance.uniform(0, LEAST))
    traffic = Traffic(Window(MOST, KEPT))
    traffic.run(provider, 2.0)
    traffic.run(provider, 2.0)
    assert min(traffic.widths) == FULL


def test_a_quick_provider_has_the_full_window_after_a_few_answers_of_each_request() -> None:
    traffic = Traffic(Window(MOST, KEPT))
    traffic.run(Provider(100, even(0.05)), 0.8)
    assert traffic.window.routine == FULL


def test_answers_that_take_no_time_at_all_widen_the_window() -> None:
    window = Window(MOST, KEPT)
    for moment in range(5 * FULL):
        window.note_answer(moment, 0.0, window.routine)
    assert window.routine == FULL


def test_a_queue_of_a_quick_provider_is_shortened_without_losing_speed() -> None:
    provider, traffic = Provider(1, even(1 / 1_500)), Traffic(Window(128, KEPT))
    traffic.run(provider, 5.0)
    traffic.run(provider, 5.0)
    assert traffic.answered >= 0.98 * 1_500 * 5
    assert max(traffic.widths) <= 48  # 32 ms, not the 83 ms of a full window


@pytest.mark.parametrize("spell", [0.3, 1.5], ids=["slow", "very slow"])
def test_a_provider_with_room_gets_its_full_window_back_during_a_slow_spell_and_after_it(spell: float) -> None:
    traffic = full()
    traffic.run(Provider(100, even(spell)), 40 * spell)
    assert min(traffic.widths) >= FULL / 4  # it does not first narrow to one request
    assert traffic.window.routine == FULL
    traffic.run(Provider(100, even(0.05)), 2.0)
    assert traffic.window.routine == FULL


def test_a_provider_that_loses_most_of_its_room_and_finds_it_again_is_followed_both_ways() -> None:
    traffic, few = full(), Provider(3, even(0.4))
    traffic.run(few, 60.0)
    traffic.run(few, 20.0)
    assert (traffic.timed_out, max(traffic.widths) <= 9) == (0, True)
    assert traffic.answered >= 0.9 * 20 * 7.5
    traffic.run(Provider(100, even(0.05)), 5.0)
    assert traffic.window.routine == FULL


def test_a_few_requests_that_are_lost_do_not_narrow_the_window_for_the_others() -> None:
    chance = Random(1)
    traffic = Traffic(Window(MOST, KEPT))
    traffic.run(Provider(1_000, lambda: 60.0 if chance.random() < 0.03 else 0.05), 60.0)
    assert sum(traffic.widths) / len(traffic.widths) > 0.9 * FULL


def test_a_time_out_of_most_requests_halves_the_window_once_for_all_that_were_under_way() -> None:
    traffic = full()
    for _ in range(FULL):
        traffic.window.note_time_out(traffic.now, traffic.now + 3.0)
    assert traffic.window.routine == FULL / 2
    for _ in range(FULL):
        traffic.window.note_time_out(traffic.now + 3.0, traffic.now + 6.0)
    assert traffic.window.routine == FULL / 4


def test_a_window_that_is_hardly_used_neither_widens_nor_narrows() -> None:
    traffic = full()
    for _ in range(FULL):
        traffic.window.note_time_out(traffic.now, traffic.now + 3.0)
    traffic.now += 3.0
    for seconds in (0.05, 1.0):
        traffic.run(Provider(100, even(seconds)), 100 * seconds, under_way=2)
        assert set(traffic.widths) == {FULL / 2}


@given(st.integers(2, 512), st.data(), st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=120))
def test_urgent_slots_and_one_routine_slot_always_remain(
    in_flight: int, data: st.DataObject, answers: list[tuple[bool, float]]
) -> None:
    kept = data.draw(st.integers(1, in_flight - 1))
    window = Window(in_flight, kept)
    for moment, (answered, seconds) in enumerate(answers):
        if answered:
            window.note_answer(moment, seconds, window.routine)
        else:
            window.note_time_out(moment, moment + seconds)
        assert 1 <= window.routine <= in_flight - kept
        assert window.kept == kept


def test_an_answer_may_take_somewhat_longer_than_without_a_queue_but_never_much() -> None:
    assert allowed(0.001) == pytest.approx(0.021)
    assert allowed(0.4) == pytest.approx(0.6)
    assert allowed(2.0) == pytest.approx(2.5)


def test_answers_from_before_a_new_round_are_forgotten() -> None:
    traffic = full()
    for number in range(FULL):  # a few milliseconds after a drain that ended long ago
        traffic.window.note_answer(10.0, 0.05, FULL)
        assert traffic.window.routine == FULL, number
    traffic.window.begin_round()
    for _ in range(FULL - 1):
        traffic.window.note_answer(100.0, 1.0, FULL)
    assert traffic.window.routine < FULL
