"""Deadlines include the time during which the machine is suspended."""

import asyncio
import subprocess
import sys
import time

import pytest

from integrations.deadline import bounded
from integrations.errors import FailureCode, NotSentError, ProviderError
from tests.integrations.scripted import Server, reply, serving
from worker.loop import Loop


def test_a_suspended_machine_does_not_stretch_a_deadline() -> None:
    slept = 0.0

    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(reply("404 Not Found"))

    async def scenario() -> tuple[Server, ProviderError]:
        nonlocal slept
        async with serving(respond) as (server, found):
            await found.exchange("PUT", "/thing", {}, accept={404})
            at = asyncio.get_running_loop().time() + 3
            slept = 3600.0
            with bounded(at), pytest.raises(ProviderError) as caught:
                await found.exchange("POST", "/thing", {})
            return server, caught.value

    with asyncio.Runner(loop_factory=lambda: Loop(lambda: time.monotonic() + slept)) as runner:
        server, error = runner.run(scenario())

    assert (type(error), error.code) == (NotSentError, FailureCode.DEADLINE_PASSED)
    assert len(server.requests) == 1


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="Linux has such a clock")
def test_the_workers_clock_counts_while_the_machine_is_suspended() -> None:
    told = "import time; from worker.loop import clock; print(clock() - time.monotonic())"
    namespace = ["unshare", "--user", "--map-root-user", "--time", "--boottime", "100000"]  # as after a day of sleep
    run = subprocess.run([*namespace, sys.executable, "-c", told], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        pytest.skip("no time namespaces here")

    assert float(run.stdout) > 90_000
