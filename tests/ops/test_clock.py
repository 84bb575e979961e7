"""The clock in `permit-hub status`."""

import pytest

from tests.support.city import City
from tests.support.waiting import eventually

TASKS = {f"calendar.{name}" for name in ("sweep", "advance", "remind", "purge", "clear", "watch")}


@pytest.mark.waits_for_the_clock
@pytest.mark.timeout(240)  # some of them tick once a minute
def test_status_shows_when_the_clock_last_ticked(city: City) -> None:
    def ticked() -> dict[str, bool]:
        return {tick["task"]: tick["missed"] for tick in city.tells("status", "--wait", "20")["clock"]}

    eventually(lambda: ticked(), "all tasks have been started", equals=dict.fromkeys(TASKS, False), seconds=100)
    assert "last ticks: advance " in city.prints("status", "--wait", "20")
