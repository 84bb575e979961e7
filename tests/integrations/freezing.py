"""A process that freezes itself between the deadline check and the bytes of a put; run as `python -m`."""

import asyncio
import json
import os
import signal
import sys
from datetime import date
from uuid import uuid4

import structlog

from integrations.base import Change
from integrations.easypark.adapter import Access, EasyPark
from schemas.shared import SharedPermit, Validity
from tests.integrations.subjects import PARIS
from worker.db.sharing.shares import ShareKey
from worker.domain.sharing import Urgency
from worker.services.sharing.claim import ClaimedShare
from worker.services.sharing.exchange import exchange

SECONDS = 1.0  # until the deadline


class Freezing(EasyPark):
    """Stops its own process in each put but the first, which opens the connection."""

    place = ""
    puts = 0

    async def send(self, change: Change) -> None:
        """Send, frozen before the first step, or before the client's steps in the next turn of the loop."""
        self.puts += 1
        if self.puts > 1 and self.place == "send":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif self.puts > 1:
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGSTOP)
        await super().send(change)


def claimed(number: int) -> ClaimedShare:
    """Return a put."""
    days = Validity(date(2024, 1, 1), date(2024, 12, 31))
    permit = SharedPermit(uuid4(), f"AA{number:03}AA", "FR", ("75014_A",), "resident", days)
    return ClaimedShare(
        key=ShareKey(uuid4(), "easypark"),
        lease_id=uuid4(),
        disclosure_id=uuid4(),
        change=Change(permit.reference, 1, permit),
        removal=False,
        operation=None,
        resident_id="R-1",
        urgency=Urgency.CHANGE,
        failures=0,
    )


async def freeze(url: str, place: str) -> None:
    """Put once to open a connection, then once more, and print the outcome."""
    adapter = Freezing(Access(url=url, key="k" * 20, development=True), zone=PARIS, connections=2)
    adapter.place = place
    loop = asyncio.get_running_loop()
    await exchange(adapter, [claimed(1)], loop.time() + SECONDS)
    deadline = loop.time() + SECONDS
    print(json.dumps(deadline), flush=True)
    ((_, result),) = await exchange(adapter, [claimed(2)], deadline)
    print(json.dumps([result.outcome.value, result.code]), flush=True)
    await adapter.aclose()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output has the outcome
    asyncio.run(freeze(*sys.argv[1:]))
