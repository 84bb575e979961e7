"""A wait ends with its condition; one that ends in vain says what was awaited, and what was last seen."""

import asyncio
from itertools import count

import pytest

from tests.support.waiting import eventually, eventually_in_loop, stays_true_for


def test_a_wait_ends_as_soon_as_what_it_sees_is_true() -> None:
    numbers = count(0)
    eventually(lambda: next(numbers))
    assert next(numbers) == 2
    asyncio.run(eventually_in_loop(lambda: next(numbers), equals=4))
    assert next(numbers) == 5


def test_what_never_comes_is_named_with_what_was_last_seen() -> None:
    with pytest.raises(AssertionError, match=r"not within 0 s: the fourth; wanted: 4; last seen: 3"):
        eventually(lambda: 3, "the fourth", equals=4, seconds=0)
    with pytest.raises(AssertionError, match=r"not within 0 s: the end; last seen: \[\]"):
        asyncio.run(eventually_in_loop(list, "the end", seconds=0))


def test_a_condition_without_a_name_is_shown_as_it_stands() -> None:
    held: dict[str, str] = {}
    with pytest.raises(AssertionError, match=r"lambda: held\.get\(.plate.\).*last seen: None"):
        eventually(lambda: held.get("plate"), seconds=0)


def test_what_ends_too_early_is_named() -> None:
    numbers = count(-3)
    stays_true_for(0.02, lambda: True, "true")
    with pytest.raises(AssertionError, match="no longer so: not yet zero"):
        stays_true_for(60, lambda: next(numbers), "not yet zero")
