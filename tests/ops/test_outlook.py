"""`permit-hub outlook` on a running stack, which may hold other tests' permits."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from tests.support.city import ADDRESS, City, plate
from tests.support.running_city import COMMAND
from tests.support.terminal import in_terminal
from tests.support.waiting import eventually
from worker.domain.terms import add_months

CONTACT: dict[str, Any] = {"name": "Élodie Exemple", "email": "elodie@example.fr", "language": "fr"}
NOTHING = {
    "permit_lapses": 0,
    "renewal_takes_over": 0,
    "request_lapses": 0,
    "change_lapses": 0,
    "permit_anonymised": 0,
    "expiry_reminders": {},
    "payment_reminders": {},
}
WORDS = (*CONTACT.values(), *ADDRESS.values())
SHAPES = (r"\br-", r"\b[0-9A-F]{10}\b")  # residents' ids and plates
PERSONAL = re.compile("|".join((*(rf"\b{re.escape(word)}\b" for word in WORDS), *SHAPES)))
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
FAR = 700  # days ahead; no other test's permit ends then, or is reminded of on a day that another looks at


@pytest.fixture
def today() -> date:
    return datetime.now(ZoneInfo("Europe/Paris")).date()


@pytest.fixture
def ends_in(city: City, today: date) -> Callable[..., list[str]]:
    """Import permits of one resident that end in this many days; return their ids."""

    def ends_in(days: int, permits: int = 1) -> list[str]:
        resident_id = f"r-{uuid4().hex[:8]}"
        city.hub.submit("resident.update_contact", resident_id=resident_id, **CONTACT)
        rows = [
            {
                "resident_id": resident_id,
                "permit_id": uuid4(),
                "status": "active",
                "requested_on": today,
                "plate": {"raw": plate()},
                "profile": "standard",
                "address": ADDRESS,
                "zones": ["14A"],
                "terms": [{"first_day": today - timedelta(days=9), "last_day": today + timedelta(days=days)}],
            }
            for _ in range(permits)
        ]
        receipt = city.hub.submit("permit.import", permits=rows)
        assert all(row.applied for row in receipt.rows or ()), receipt
        return sorted(str(row["permit_id"]) for row in rows)

    return ends_in


def on(city: City, day: date, *options: object) -> dict[str, Any]:
    return city.tells("outlook", "--as-of", day.isoformat(), *options)


def test_the_outlook_of_a_day_names_each_permit_and_its_action(
    city: City, today: date, ends_in: Callable[..., list[str]]
) -> None:
    (permit_id,) = ends_in(FAR)
    last = today + timedelta(days=FAR)
    told = on(city, last + timedelta(days=1))
    assert told["counts"] == NOTHING | {"permit_lapses": 1, "expiry_reminders": {"-1": 1}}
    about = {"permit_id": permit_id, "last_day": last.isoformat()}
    assert told["permits"] == [
        about | {"what": "permit_lapses", "days_ahead": None},
        about | {"what": "expiry_reminder", "days_ahead": -1},
    ]
    printed = city.prints("outlook", "--as-of", (last - timedelta(days=7)).isoformat())
    assert re.search(r"^reminders of a term's end, 7 days ahead +1$", printed, re.MULTILINE)
    assert re.search(rf"^{permit_id} +reminder, 7 days ahead +{last:%d/%m/%Y}$", printed, re.MULTILINE)


def test_the_outlook_names_a_permit_to_be_anonymised_with_its_last_day_of_retention(
    city: City, today: date, ends_in: Callable[..., list[str]]
) -> None:
    (permit_id,) = ends_in(FAR + 200)
    last = add_months(today + timedelta(days=FAR + 200), 12)
    told = on(city, last + timedelta(days=1))
    assert told["counts"] == NOTHING | {"permit_anonymised": 1}
    assert told["permits"] == [
        {"permit_id": permit_id, "last_day": last.isoformat(), "what": "permit_anonymised", "days_ahead": None}
    ]
    printed = city.prints("outlook", "--as-of", (last + timedelta(days=1)).isoformat())
    assert re.search(r"^permits are anonymised +1$", printed, re.MULTILINE)
    assert re.search(rf"^{permit_id} +anonymised +{last:%d/%m/%Y}$", printed, re.MULTILINE)
    days = (last - today).days + 2
    assert city.tells("outlook", "--days", days)["totals"]["permit_anonymised"] >= 1
    printed = city.prints("outlook", "--days", days)
    assert f"What is anonymised, {today:%d/%m/%Y} to {today + timedelta(days=days - 1):%d/%m/%Y}\n" in printed
    table = printed[printed.index("What is anonymised") :]
    assert re.search(r"^week of +anonymised *$", table, re.MULTILINE)
    monday = last + timedelta(days=1 - (last + timedelta(days=1)).weekday())
    assert re.search(rf"^{monday:%d/%m/%Y} +1$", table, re.MULTILINE)


def test_a_shortened_list_says_so_and_json_has_all(city: City, today: date, ends_in: Callable[..., list[str]]) -> None:
    permit_ids = ends_in(FAR + 30, permits=5)
    day = today + timedelta(days=FAR + 30)
    printed = city.prints("outlook", "--as-of", day.isoformat(), "--limit", 2)
    assert printed.endswith("3 more: see --limit\n")
    assert [permit_id in printed for permit_id in permit_ids] == [True, True, False, False, False]
    assert [one["permit_id"] for one in on(city, day, "--limit", 2)["permits"]] == permit_ids
    assert "more: see" not in city.prints("outlook", "--as-of", day.isoformat(), "--limit", 5)


def test_a_day_on_which_nothing_would_be_done_says_so(city: City, today: date) -> None:
    day = today + timedelta(days=3_000)
    assert on(city, day) == {"day": day.isoformat(), "counts": NOTHING, "permits": []}
    printed = city.prints("outlook", "--as-of", day.isoformat())
    assert printed == f"Nothing would be done on {day:%d/%m/%Y}.\n"


def test_the_outlook_has_days_or_weeks_with_totals_and_fits_80_columns(
    city: City, today: date, ends_in: Callable[..., list[str]]
) -> None:
    ends_in(3, permits=2)
    for days, heading, width in ((20, "day", 14), (90, "week of", 10)):
        printed = city.prints("outlook", "--days", days)
        until_day = today + timedelta(days=days - 1)
        for title in ("What ends", "Reminders"):
            assert f"{title}, {today:%d/%m/%Y} to {until_day:%d/%m/%Y}" in printed
        assert re.search(rf"^{heading} +lapse +take over +not paid +not paid *$", printed, re.MULTILINE)
        ended, reminded, *_ = (line.split() for line in printed.splitlines() if line.startswith("total"))
        told = city.tells("outlook", "--days", days)
        assert ended[1] == f"{told['totals']['permit_lapses']:,}"
        assert {len(one) for one in re.findall(r"^[\w /]*?\d\d/\d\d/\d{4}", printed, re.MULTILINE)} == {width}
        assert not set("█▓▒░") & set(printed)
        assert len(reminded) == 7


def test_in_json_the_periods_add_up_to_the_totals_and_equal_single_days(
    city: City, today: date, ends_in: Callable[..., list[str]]
) -> None:
    ends_in(4)
    day = today + timedelta(days=5)
    told = city.tells("outlook", "--days", 20)
    assert (told["first_day"], told["last_day"]) == (str(today), str(today + timedelta(days=19)))
    assert sum(one["permit_lapses"] for one in told["periods"]) == told["totals"]["permit_lapses"]
    (shown,) = (one for one in told["periods"] if one["first_day"] == str(day))
    assert shown == {"first_day": str(day), "last_day": str(day), "overdue": False} | on(city, day)["counts"]


def test_a_reminder_that_the_hub_has_decided_leaves_the_outlook(
    city: City, today: date, ends_in: Callable[..., list[str]]
) -> None:
    permit_ids = set(ends_in(20))
    eventually(
        lambda: not permit_ids & {one["permit_id"] for one in on(city, today)["permits"]}, "the hub to decide it"
    )
    assert permit_ids <= {one["permit_id"] for one in on(city, today + timedelta(days=13))["permits"]}


def test_the_outlook_shows_no_personal_data_only_permit_ids(
    city: City, today: date, ends_in: Callable[..., list[str]]
) -> None:
    (permit_id,) = ends_in(FAR + 75)
    day = (today + timedelta(days=FAR + 76)).isoformat()
    for printed in (city.prints("outlook", "--as-of", day), str(on(city, date.fromisoformat(day)))):
        assert permit_id in printed
        assert PERSONAL.findall(printed) == []


@pytest.mark.parametrize("columns", [80, 120])
def test_in_a_terminal_each_row_has_a_bar(
    city: City, today: date, ends_in: Callable[..., list[str]], columns: int
) -> None:
    ends_in(3)
    command = [*COMMAND, "outlook", "--days", "20"]
    written = in_terminal(command, columns=columns, environment={"PERMIT_HUB_DATA": str(city.folder)})
    shown = COLOURS.sub("", written)
    assert all(len(line) <= columns for line in shown.splitlines())
    row = next(line for line in shown.splitlines() if f" {today + timedelta(days=4):%d/%m/%Y}" in line)
    assert re.search(r"  [█▓▒░]+ *$", row)
    assert re.search(r"█ lapse +▓ take over +▒ not paid +░ not paid", shown)
