"""The clock as an operator sees it."""

from tests.city import until


def test_status_shows_when_the_clock_last_ticked(city):
    def ticked():
        return {tick["task"]: tick["missed"] for tick in city.tells("status", "--wait", "20")["clock"]}

    until(lambda: ticked() == {"calendar.advance": False, "calendar.sweep": False}, "both tasks have been started")
    assert "last ticks: advance " in city.prints("status", "--wait", "20")
