"""`permit-hub` reconcile, reaffirm, pause and resume; `status` and the stream about providers in trouble."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from integrations.sandbox.misbehaviour import Kind
from integrations.sandbox.records import Record
from ops.shown.times import span
from tests.support.city import (
    City,
    as_shown,
    plate,
)
from tests.support.waiting import eventually

EASYPARK, FLOWBIRD, INDIGO, PAYBYPHONE = "easypark", "flowbird", "indigo_neo", "paybyphone"
FOREIGN = "their-own-7"  # no reference of the hub's
RIGHTS = "/parking"  # where EasyPark takes and lists them
PERMITS = 6  # more failures in a row than a breaker bears
HOLD_SECONDS = 20  # long enough for `status` to be typed, and not waited for
MANY = 20_000  # copies; with SLOW_MS for each request it takes longer than any test to list them
SLOW_MS = 500


@pytest.fixture
def drifted(city: City) -> Iterator[dict[UUID, Record]]:
    """Have EasyPark lose a copy, change one, and hold two that the hub never made; return what it held before."""
    for _ in range(3):
        city.shared(EASYPARK)
    before = city.held(EASYPARK)
    lost, changed, intact = list(before)[-3:]
    city.control.drop(EASYPARK, lost)
    city.control.hold(EASYPARK, changed, before[changed]._replace(plate=plate()))
    city.control.hold(EASYPARK, uuid4(), before[intact]._replace(plate=plate()))
    city.control.hold(EASYPARK, FOREIGN, before[intact])
    yield before
    city.control.drop(EASYPARK, FOREIGN)


def figures(printed: str) -> list[tuple[str, int]]:
    return [(row[0], int(row[1])) for row in map(str.split, printed.splitlines()[2:])]


def test_a_dry_run_only_counts_the_drift_and_a_reconciliation_mends_it(city: City, drifted: dict[UUID, Record]) -> None:
    different, events, sent = city.held(EASYPARK), city.told(EASYPARK), city.latest(EASYPARK)
    found = city.tells("reconcile", EASYPARK, "--dry-run")
    drift = {name: found[name] for name in ("differing", "missing", "orphans", "foreign_copies", "drift")}
    assert drift == {"differing": 1, "missing": 1, "orphans": 1, "foreign_copies": 1, "drift": 3}
    status = city.status(EASYPARK)
    assert (status["drift"], status["routine"]) == (3, 0)
    assert {request.method for request in city.control.requests(EASYPARK, after=sent)} == {"GET"}
    assert (city.held(EASYPARK), city.told(EASYPARK)) == (different, events)

    printed = city.prints("reconcile", EASYPARK)
    assert f"{EASYPARK}: {len(different)} copies on 1 page" in printed
    assert figures(printed) == [("differing", 1), ("missing", 1), ("orphans", 1), ("foreign", 1)]
    eventually(lambda: city.held(EASYPARK), "EasyPark to hold the truth", equals=drifted)
    assert city.control.counts(EASYPARK).foreign == 1
    assert city.told(EASYPARK) == [*events, "provider.reconciled"]


@pytest.fixture
def endless(city: City) -> Iterator[None]:
    """Have Indigo Neo list a great many rights, slowly."""
    city.control.hold_many(INDIGO, MANY)
    city.control.misbehave(INDIGO, Kind.SLOW, method="GET", delay_ms=SLOW_MS)
    yield
    city.control.reset(INDIGO)


def test_a_reconciliation_goes_on_after_ctrl_c_and_can_be_watched_again(city: City, endless: None) -> None:
    sent = city.latest(INDIGO)
    command = [sys.executable, "-m", "ops.cli", "reconcile", INDIGO, "--dry-run", "--data", str(city.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watcher:
        eventually(lambda: city.latest(INDIGO) > sent, "a worker to begin")
        watcher.send_signal(signal.SIGINT)
        printed, complaints = watcher.communicate(timeout=30)
    assert (watcher.returncode, printed) == (130, "")
    assert complaints == "Interrupted; the workers go on with it. The same command watches it again.\n"

    other = city.permit_hub("reconcile", INDIGO)
    assert (other.returncode, other.stdout) == (1, "")
    assert other.stderr == f"A dry run is under way with {INDIGO}: try again later.\n"
    city.control.behave(INDIGO)
    found = city.tells("reconcile", INDIGO, "--dry-run")
    assert (found["code"], found["orphans"]) == (None, MANY)


def test_reaffirm_sends_again_what_was_confirmed_since_a_moment(city: City) -> None:
    early, gone = city.shared(PAYBYPHONE), city.shared(PAYBYPHONE)
    eventually(lambda: city.state(early, PAYBYPHONE) == city.state(gone, PAYBYPHONE) == "held", "their confirmation")
    since = datetime.now(ZoneInfo("Europe/Paris")).replace(tzinfo=None)  # as an operator types it
    late = city.shared(PAYBYPHONE)
    before = city.held(PAYBYPHONE)
    city.refuse(gone)
    eventually(lambda: city.state(gone, PAYBYPHONE), "the removal", equals="removed")
    for one in (early, late):
        city.control.drop(PAYBYPHONE, city.reference(PAYBYPHONE, one.plate))
    (backup,) = (own for own, record in before.items() if as_shown(record) == gone.plate)
    city.control.hold(PAYBYPHONE, backup, before[backup])

    assert city.tells("reaffirm", PAYBYPHONE, "--since", since.isoformat()) == {"provider": PAYBYPHONE, "shares": 2}
    eventually(lambda: late.plate in city.plates(PAYBYPHONE), "PayByPhone to hold again what it confirmed")
    eventually(lambda: gone.plate not in city.plates(PAYBYPHONE), "PayByPhone to hold nothing that was removed")
    assert early.plate not in city.plates(PAYBYPHONE)
    assert city.told(PAYBYPHONE)[-1] == "provider.reaffirmed"


def test_a_pause_keeps_withdrawals_back_until_it_ends(city: City) -> None:
    resident = city.shared(EASYPARK, INDIGO)
    assert city.tells("pause", EASYPARK) == {"provider": EASYPARK, "paused": True, "changed": True}
    sent = city.latest(EASYPARK)
    city.refuse(resident)
    eventually(lambda: resident.plate not in city.plates(INDIGO), "the removal at the other")
    status = city.status(EASYPARK)
    assert status["paused_at"]
    assert status["consent"] == 1
    assert city.control.requests(EASYPARK, after=sent) == []
    assert resident.plate in city.plates(EASYPARK)

    assert city.prints("resume", EASYPARK) == f"{EASYPARK}: resumed\n"
    eventually(lambda: resident.plate not in city.plates(EASYPARK), "the removal")
    eventually(lambda: city.told(EASYPARK)[-2:], "the events", equals=["provider.paused", "provider.resumed"])


def test_a_breaker_and_a_hold_are_shown_and_what_waited_goes_out_when_the_breaker_closes(city: City) -> None:
    resident = city.shared(EASYPARK, FLOWBIRD, permits=PERMITS)
    told = len(city.told(EASYPARK))
    city.control.misbehave(EASYPARK, Kind.DOWN, path=RIGHTS)
    city.control.misbehave(FLOWBIRD, Kind.THROTTLED, path="/hub/", count=1, retry_after=str(HOLD_SECONDS))
    city.refuse(resident)
    eventually(lambda: city.told(EASYPARK)[told:], "the breaker to open", equals=["provider.breaker_opened"])

    printed = city.prints("status", "--wait", "20")
    assert re.search(rf"^{EASYPARK} +{PERMITS} +0 +0 ", printed, re.MULTILINE)
    assert re.search(rf"^{EASYPARK} .* breaker (half )?open since [0-9/: ]+$", printed, re.MULTILINE)
    assert re.search(rf"^{FLOWBIRD} .* asked to wait until [0-9:]+ *$", printed, re.MULTILINE)
    city.control.behave(EASYPARK)
    eventually(lambda: city.told(EASYPARK)[told + 1 :], "the breaker to close", equals=["provider.breaker_closed"])
    eventually(lambda: not city.plates(EASYPARK) & set(resident.permits.values()), "EasyPark to catch up")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0 s"), (119.9, "119.9 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"), (400_000, "4 d")],
)
def test_a_duration_is_written_as_one_figure(seconds: float | int, shown: str) -> None:
    assert span(seconds) == shown
