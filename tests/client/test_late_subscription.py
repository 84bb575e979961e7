"""A job waits for no subscription: the result is read from its key where the announcement was missed."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from permit_hub_client import HubUnavailable

from tests.client.conftest import OpenHub, ToyHub
from tests.support.relay import hand_on, serving

SECONDS = 20.0


class NeverSubscribes:
    """A way to Redis on which SUBSCRIBE and what follows it on that connection are not handed on."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.withheld = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        answers = asyncio.create_task(hand_on(there, writer))
        holds = False
        try:
            while data := await reader.read(65_536):
                if holds := holds or b"SUBSCRIBE" in data:
                    self.withheld += 1
                else:
                    back.write(data)
        finally:
            answers.cancel()
            back.close()
            writer.close()
            await asyncio.gather(answers, return_exceptions=True)


@pytest.fixture
def way(toy: ToyHub) -> Iterator[tuple[NeverSubscribes, str]]:
    target = urlsplit(toy.url).port
    assert target is not None
    found = NeverSubscribes(target)
    with serving(found) as port:
        yield found, toy.url.replace(f":{target}", f":{port}")


def test_a_receipt_comes_although_the_subscription_is_never_confirmed(
    toy: ToyHub, way: tuple[NeverSubscribes, str], open_hub: OpenHub
) -> None:
    withholding, url = way
    with open_hub(url, source="tests", prefix=toy.prefix, io_seconds=1.0) as hub:
        assert hub.submit("consent.decide", resident_id="r-1", choice="refuse", wait=SECONDS).applied
        assert withholding.withheld
        with pytest.raises(HubUnavailable), hub.watch("r-1"):  # what it promises needs the confirmation
            pass
