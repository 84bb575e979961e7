"""The hash key is rotated under the hub: no plate goes to two permits, nothing is sent again, no job applies twice."""

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from integrations.memory import InMemory
from schemas.receipts import RefusalCode
from tests.conftest import Database
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of, running_hub
from tests.services.sharing.requested import request
from tests.services.upstream import ANNE, BOB, Upstream
from tests.support.waiting import eventually
from worker.db import rotation as rows
from worker.db.engine import make_engine, transact
from worker.db.hash_key import adopt
from worker.db.sharing import reconciliations
from worker.domain.keys import AnotherHashKeyError, HashKeys
from worker.domain.plates import Plate, plate_key
from worker.hub import Hub
from worker.services import rotation
from worker.services.jobs.handle import HubUnavailableError
from worker.services.rotation import NoNextKeyError, rotate
from worker.services.sharing.drain import Drain
from worker.services.sharing.reconcile import reconcile
from worker.settings import Settings

NEW = "the next key, which has no space".replace(" ", "-")
PROVIDER = "easypark"
Process = Callable[[str], Hub]


@pytest.fixture(autouse=True)
def slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take few rows at a time, and wait for no other process."""
    monkeypatch.setattr(rotation, "ROWS", 4)
    monkeypatch.setattr(rotation, "NOTICED", timedelta(0))


@pytest.fixture
def process(settings: Settings) -> Iterator[Process]:
    """Return the hub of a process that knows the old key, the new one, or both."""
    old = settings.hash_key.get_secret_value()
    known = {"old": old, "both": f"{old}\n{NEW}", "new": NEW}
    with ExitStack() as ended:

        def process(name: str) -> Hub:
            changed = {"hash_key": known[name], "settle_seconds": 0.3, "request_seconds": 0.4}
            fields = {field: getattr(settings, field) for field in Settings.model_fields}
            return ended.enter_context(running_hub(Settings(**fields | changed), lambda _: None))

        yield process


@pytest.fixture
def both(process: Process) -> Hub:
    hub = process("both")
    transact(hub.engine, lambda db: adopt(db, hub.keys))
    return hub


@pytest.fixture
def owner(both: Hub, database: Database) -> Iterator[Engine]:
    engine = make_engine(both.settings.model_copy(update={"database_url": database.owner_url}), both.keys)
    yield engine
    engine.dispose()


def finish(hub: Hub, owner: Engine) -> None:
    for _ in rotate(hub, owner, hub.today()):
        pass


def sent(hub: Hub, twin: InMemory) -> int:
    """Deliver what is due, and return how many requests the provider has had."""
    asyncio.run(Drain(lane_of(hub, twin), hub.today).run())
    return len(twin.calls)


def drift(hub: Hub, twin: InMemory) -> int:
    lane, run_id = lane_of(hub, twin), request(hub, PROVIDER)
    while asyncio.run(reconcile(lane)):
        pass
    run = transact(hub.engine, lambda db: reconciliations.read(db, run_id))
    assert run.copies == len(twin.held) > 0
    return run.drift


def come_to(phase: str, hub: Hub, owner: Engine) -> None:
    if phase == "switched":
        finish(hub, owner)
    elif phase != "before":
        fingerprint = hub.keys.next
        assert fingerprint is not None
        transact(owner, lambda db: rows.begin(db, fingerprint))
    if phase == "filled":
        for _ in rotation._walk(owner, rows.PLATES, lambda db, after: rotation._fill(hub, db, after)):
            pass


@pytest.mark.parametrize("phase", ["before", "begun", "filled", "switched"])
def test_a_plate_goes_to_one_permit_in_every_phase(
    process: Process, both: Hub, owner: Engine, today: date, phase: str
) -> None:
    known = {"old": process("old"), "both": both, "new": process("new")}
    held = "AA-101-BB"
    Upstream(known["old"], today).active(ANNE, plate={"raw": held})
    come_to(phase, both, owner)
    working = {"switched": ("both", "new")}.get(phase, ("old", "both"))
    for number, writer in enumerate(working):
        plate = {"raw": f"AA-20{number + 1}-BB"}
        Upstream(known[writer], today).active(ANNE, plate=plate)
        for name in working:
            for taken in (plate, {"raw": held}):
                assert ask(known[name], today, taken) is RefusalCode.PLATE_IN_USE, (writer, name)
    for name in known.keys() - set(working):
        with pytest.raises(HubUnavailableError):
            Upstream(known[name], today).active(BOB, plate={"raw": "AA-999-BB"})
    if phase != "switched":
        finish(both, owner)
        for raw in (held, "AA-201-BB", "AA-202-BB"):
            assert ask(known["new"], today, {"raw": raw}) is RefusalCode.PLATE_IN_USE


def ask(hub: Hub, today: date, plate: dict[str, str], resident: str = BOB) -> RefusalCode | None:
    """Request a permit for a plate; return why it is refused, or None."""
    upstream = Upstream(hub, today)
    return upstream.submit("permit.request", resident, **upstream.wish(uuid4()) | {"plate": plate}).code


def test_a_process_that_has_not_noticed_the_switch_writes_nothing(
    process: Process, both: Hub, owner: Engine, today: date, evidence: Evidence
) -> None:
    late = Upstream(process("old"), today)
    late.active(ANNE, plate={"raw": "AA-101-BB"})  # its connection has just asked for the key
    finish(both, owner)
    with pytest.raises(HubUnavailableError, match="AnotherHashKeyError"):
        late.active(BOB, plate={"raw": "AA-101-BB"})
    assert evidence.value("SELECT count(*) FROM plate_assignments") == 1


def test_each_plate_has_the_hash_of_the_new_key_with_its_division(
    process: Process, both: Hub, owner: Engine, upstream: Upstream, evidence: Evidence
) -> None:
    typed = [("EF-367-QS", "FR"), ("B-NO 1234", "DE"), ("BNO1234 ", "AT"), ("WÜ 1", "DE")]
    for number, (raw, country) in enumerate(typed):
        upstream.active(f"r-{number}", plate={"raw": raw, "country": country})
    finish(both, owner)
    new = process("new").keys.current
    for key, raw, normalised, country in evidence.query(
        "SELECT plate_key, raw, normalised, country FROM plate_assignments"
    ):
        assert key == plate_key(Plate(raw, normalised, country), new)
    assert evidence.value("SELECT count(*) FROM plate_assignments WHERE next_plate_key IS NOT NULL") == 0


def test_it_goes_on_where_it_was_interrupted(
    process: Process, both: Hub, owner: Engine, upstream: Upstream, evidence: Evidence
) -> None:
    for number in range(11):
        upstream.active(f"r-{number}")
    for stop_after in (2, 1, 3, 1):
        steps = rotate(both, owner, both.today())
        for _ in range(stop_after):
            next(steps, None)
        del steps  # the process ends here
    finish(both, owner)
    state = transact(owner, rows.read)
    assert (state.current, state.next, state.switched_at) == (process("new").keys.fingerprint, None, None)
    assert evidence.value("SELECT count(*) FROM jobs WHERE digest <> ''") == 0
    Upstream(process("new"), both.today()).active("r-99")


def test_nothing_is_sent_again_and_no_list_differs(
    process: Process, both: Hub, owner: Engine, twins: dict[str, InMemory], today: date, evidence: Evidence
) -> None:
    old, twin = process("old"), twins[PROVIDER]
    upstream = Upstream(old, today)
    upstream.allow()
    for _ in range(9):
        upstream.active()
    before = sent(old, twin)
    assert before == len(twin.held) == 9
    steps = rotate(both, owner, today)
    while next(steps).walk != rows.SHARES:  # the database has the new key, and the shares have hashes by the old one
        pass
    evidence.query("UPDATE shares SET wanted_version = wanted_version + 1, due_at = now() RETURNING 1")
    assert (sent(both, twin), drift(both, twin)) == (before, 0)
    for _ in steps:
        pass
    new = process("new")
    evidence.query("UPDATE shares SET wanted_version = wanted_version + 1, due_at = now() RETURNING 1")
    assert (sent(new, twin), drift(new, twin)) == (before, 0)


def test_a_right_that_is_kept_after_a_refusal_is_still_kept(
    process: Process, both: Hub, owner: Engine, upstream: Upstream, evidence: Evidence, twins: dict[str, InMemory]
) -> None:
    upstream.active()
    asyncio.run(Drain(lane_of(both, twins["city_hub"]), both.today).run())
    stored = "SELECT held_subject FROM shares WHERE provider = 'city_hub'"
    before = evidence.value(stored)
    finish(both, owner)
    assert before != evidence.value(stored) is not None


@pytest.mark.parametrize("when", ["under way", "done"])
def test_a_job_sent_again_gets_its_receipt_and_is_applied_once(
    process: Process, both: Hub, owner: Engine, today: date, when: str
) -> None:
    old = Upstream(process("old"), today)
    job = old.envelope(resident_id=ANNE, **old.wish(uuid4()))
    receipt = old.send("permit.request", json.dumps(job))
    steps = rotate(both, owner, today)
    while when == "under way" and next(steps).walk != rows.SHARES:
        pass
    for _ in steps if when == "done" else ():
        pass
    again = Upstream(both if when == "under way" else process("new"), today)
    assert again.send("permit.request", json.dumps(job)) == receipt
    if when == "under way":
        other = again.send("permit.request", json.dumps(job | {"years": 3}))
        assert other.code is RefusalCode.JOB_ID_REUSED


def test_two_residents_who_want_one_plate_while_the_key_is_rotated_never_both_get_it(
    process: Process, both: Hub, owner: Engine, today: date, evidence: Evidence
) -> None:
    hubs = [process("old"), process("both")]
    plates = [{"raw": f"AB-{number:03}-CD"} for number in range(1, 31)]

    def want(plate: dict[str, str], resident: str, hub: Hub) -> bool:
        try:
            return ask(hub, today, plate, resident) is None
        except HubUnavailableError:  # it is put back on its queue
            return False

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(want, plate, f"r-{n}", hub) for n, hub in enumerate(hubs * 2) for plate in plates]
        rotated = pool.submit(finish, both, owner)
        got = [one.result() for one in asked]
        rotated.result()
    assert evidence.value("SELECT count(*) FROM plate_assignments WHERE NOT isempty(during)") == sum(got)
    assert evidence.value("SELECT count(DISTINCT normalised) FROM plate_assignments") == sum(got) <= len(plates)
    new = process("new")
    for (normalised,) in evidence.query("SELECT normalised FROM plate_assignments"):
        assert ask(new, today, {"raw": normalised}, "r-late") is RefusalCode.PLATE_IN_USE


def test_the_switch_lets_who_has_read_plates_and_then_writes_one_go_on(
    both: Hub, owner: Engine, upstream: Upstream, evidence: Evidence
) -> None:
    upstream.active(ANNE)
    come_to("filled", both, owner)
    with ThreadPoolExecutor(1) as pool, evidence.database.connect() as job, job.transaction():
        job.execute("SELECT FROM plate_assignments")
        switching = pool.submit(rotation._switch, both, owner)
        asked = "SELECT count(*) FROM pg_locks WHERE relation = 'plate_assignments'::regclass AND NOT granted"
        eventually(lambda: evidence.value(asked), "the switch to wait", equals=1)
        job.execute("UPDATE plate_assignments SET raw = raw")
    switching.result()
    assert transact(owner, rows.read).switched_at is not None


def test_without_a_next_key_nothing_begins(process: Process, both: Hub, owner: Engine, today: date) -> None:
    old = process("old")
    transact(old.engine, lambda db: None)
    with pytest.raises(NoNextKeyError):
        finish(old, owner)
    assert transact(owner, rows.read).next is None


def test_a_stranger_to_the_database_is_refused(both: Hub, settings: Settings) -> None:
    keys = HashKeys(b"x" * 32)
    engine = make_engine(settings, keys)
    with pytest.raises(AnotherHashKeyError):
        transact(engine, lambda db: None)
    engine.dispose()
