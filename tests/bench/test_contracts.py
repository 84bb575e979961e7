"""What measured task queues send: each provider's stand-in takes it, as it takes what the hub sends."""

import asyncio
import time
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import httpx
import pytest

from bench.peers import pushing
from bench.peers.contracts import CONTRACTS, Permit, RefusedError
from bench.peers.stand_ins import StandIns

PERMIT = Permit(
    plate="AA123AA",
    country="FR",
    zones=["14A", "14B"],
    profile="standard",
    first_day="2026-01-15",
    last_day="2027-01-14",
)
Send = Callable[[str, str, Permit | None], None]


@pytest.fixture(scope="module")
def standing_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIns]:
    with StandIns(tmp_path_factory.mktemp("stand-ins")) as running:
        yield running


@pytest.fixture
def stand_ins(standing_in: StandIns, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIns]:
    """Return the stand-ins as they were at their start, with the settings that lead to them."""
    for name, value in standing_in.environment.items():
        monkeypatch.setenv(name, value)
    standing_in.reset()
    yield standing_in
    standing_in.behave()
    for provider in CONTRACTS:
        pushing._client(provider).close()
    pushing._client.cache_clear()


def send_async(provider: str, reference: str, permit: Permit | None) -> None:
    """Send by the async client, which belongs to the loop of its first request."""

    async def send() -> None:
        pushing._async_client.cache_clear()
        await pushing.push_async(provider, reference, permit)
        await pushing._async_client(provider).aclose()

    asyncio.run(send())


@pytest.mark.parametrize("send", [pushing.push, send_async], ids=["plain", "async"])
@pytest.mark.parametrize("provider", CONTRACTS)
def test_a_permit_is_held_until_it_is_removed(stand_ins: StandIns, provider: str, send: Send) -> None:
    reference = uuid4()
    send(provider, str(reference), PERMIT)
    send(provider, str(reference), PERMIT)  # as a retry does
    held = dict(stand_ins.control.each())[provider].held(provider)
    assert held.keys() == {reference}
    assert (held[reference].plate, held[reference].zones) == ("AA123AA", ("14A", "14B"))
    assert (f"{held[reference].first_day}", f"{held[reference].last_day}") == ("2026-01-15", "2027-01-14")
    send(provider, str(reference), None)
    assert not dict(stand_ins.control.each())[provider].held(provider)


@pytest.mark.parametrize("provider", CONTRACTS)
def test_an_error_is_to_be_tried_again(stand_ins: StandIns, provider: str) -> None:
    stand_ins.behave(errors=1.0)
    with pytest.raises(httpx.HTTPError):
        pushing.push(provider, str(uuid4()), PERMIT)


@pytest.mark.parametrize("provider", CONTRACTS)
def test_a_refusal_is_final(stand_ins: StandIns, provider: str) -> None:
    with pytest.raises(RefusedError):
        pushing.push(provider, str(UUID(int=0)), {**PERMIT, "plate": "not a plate!"})


@pytest.mark.parametrize("provider", CONTRACTS)
def test_each_stand_in_waits_as_ordered(stand_ins: StandIns, provider: str) -> None:
    stand_ins.behave(latency_ms=50.0)
    started = time.monotonic()
    pushing.push(provider, str(uuid4()), PERMIT)
    assert time.monotonic() - started >= 0.05


def test_changes_and_requests_are_counted_apart(stand_ins: StandIns) -> None:
    before = stand_ins.received()
    for provider in CONTRACTS:
        pushing.push(provider, str(uuid4()), PERMIT)
    after = stand_ins.received()
    assert after.changes - before.changes == len(CONTRACTS)
    assert after.requests - before.requests > len(CONTRACTS)  # tokens, and the questions to PayByPhone
