"""The number of requests under way: halved by a time-out, once for all that were under way, and slowly widened."""

from hypothesis import given
from hypothesis import strategies as st

from worker.domain.window import Window


def test_a_time_out_halves_the_window_once_for_all_that_were_under_way() -> None:
    window = Window(32, kept=4)
    assert window.routine == 28
    for _ in range(28):
        window.note_time_out(sent_at=1.0, now=4.0)
    assert window.routine == 14
    window.note_time_out(sent_at=4.0, now=7.0)
    assert window.routine == 7


def test_the_window_grows_back_slowly_and_only_while_used() -> None:
    window = Window(32, kept=4)
    window.note_time_out(sent_at=1.0, now=4.0)
    for _ in range(1_000):
        window.note_answer(under_way=1)
    assert window.routine == 14
    for _ in range(14):
        window.note_answer(under_way=14)
    assert window.routine == 14
    for _ in range(14 * 4):
        window.note_answer(under_way=14)
    assert window.routine == 15
    for _ in range(5_000):
        window.note_answer(under_way=window.routine)
    assert window.routine == 28


@given(st.integers(2, 512), st.data(), st.lists(st.booleans(), max_size=60))
def test_urgent_slots_and_one_routine_slot_always_remain(
    in_flight: int, data: st.DataObject, answers: list[bool]
) -> None:
    kept = data.draw(st.integers(1, in_flight - 1))
    window = Window(in_flight, kept)
    for moment, answered in enumerate(answers):
        if answered:
            window.note_answer(window.routine)
        else:
            window.note_time_out(moment, moment)
        assert 1 <= window.routine <= in_flight - kept
        assert window.kept == kept
