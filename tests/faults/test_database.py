"""A database that is unavailable for some seconds: jobs wait for it, and none is lost."""

import time
from collections.abc import Callable

from psycopg import sql

from tests.faults.harness import Stack
from tests.faults.people import EVERYWHERE, allow_everything, applied_once, held_plates, people
from tests.support.waiting import eventually

Note = Callable[[str, object], None]
AWAY_SECONDS = 3.0


def test_jobs_wait_for_an_unavailable_database_and_none_is_lost(stack: Stack, record_property: Note) -> None:
    town = people(stack, 20)
    allow_everything(stack, town)
    refusing, moving = town[:10], town[10:]
    jobs = [stack.hub.send(person.vehicle("B")) for person in moving]
    name = sql.Identifier(stack.database.name)
    with stack.database.server.connect() as server:
        server.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(name))
        since = time.monotonic()
        jobs += [stack.hub.send(person.refusal()) for person in refusing]
        jobs += [stack.hub.send(person.contact()) for person in town]

        def ended() -> bool:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [stack.database.name]
            )
            return time.monotonic() - since > AWAY_SECONDS

        try:
            eventually(ended, "the time without a database")
        finally:
            server.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(name))
    back = time.monotonic()
    for job in jobs:
        assert stack.hub.receipt(job, wait=20).applied
    record_property("all_receipts_s", time.monotonic() - back)
    stack.converges()
    record_property("converged_s", time.monotonic() - back)
    applied_once(stack, jobs)
    ours = {person.plate(letter) for person in town for letter in "AB"}
    for provider in EVERYWHERE:
        assert held_plates(stack, provider) & ours == {person.plate("B") for person in moving}
