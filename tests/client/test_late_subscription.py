"""A job waits for no subscription: the result is read from its key where the announcement was missed."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

import pytest
from permit_hub_client import HubUnavailable, calls

from tests.client.conftest import OpenHub, ToyHub
from tests.support.relay import hand_on, serving
from tests.support.waiting import eventually_in_loop

SECONDS = 20.0
SUBSCRIBE = b"\r\nSUBSCRIBE\r\n"


class Withholding:
    """A way to Redis on which a SUBSCRIBE, and the rest of its connection, waits until its channel may be heard."""

    def __init__(self, target: int, may_hear: Callable[[bytes], object]) -> None:
        self.target = target
        self.may_hear = may_hear
        self.subscriptions = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        answers = asyncio.create_task(hand_on(there, writer))
        try:
            while data := await reader.read(65_536):
                if SUBSCRIBE in data:
                    channel = data.split(b"\r\n")[-2]
                    self.subscriptions += 1
                    await eventually_in_loop(partial(self.may_hear, channel), "the end of the withholding")
                back.write(data)
        finally:
            answers.cancel()
            back.close()
            writer.close()
            await asyncio.gather(answers, return_exceptions=True)


@contextmanager
def withholding(toy: ToyHub, may_hear: Callable[[bytes], object]) -> Iterator[tuple[Withholding, str]]:
    target = urlsplit(toy.url).port
    assert target is not None
    found = Withholding(target, may_hear)
    with serving(found) as port:
        yield found, toy.url.replace(f":{target}", f":{port}")


def test_a_receipt_comes_although_the_subscription_is_never_confirmed(toy: ToyHub, open_hub: OpenHub) -> None:
    with (
        withholding(toy, lambda _: False) as (way, url),
        open_hub(url, source="tests", prefix=toy.prefix, io_seconds=1.0) as hub,
    ):
        assert hub.submit("consent.decide", resident_id="r-1", choice="refuse", wait=SECONDS).applied
        assert way.subscriptions
        with pytest.raises(HubUnavailable), hub.watch("r-1"):  # what it promises needs the confirmation
            pass


def test_a_result_announced_before_the_subscription_is_read_once_that_is_confirmed(
    toy: ToyHub, open_hub: OpenHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_LOOK_AGAIN_SECONDS", 2 * SECONDS)
    monkeypatch.setitem(calls._SEND_AGAIN_SECONDS, "consent", 2 * SECONDS)  # a second result would be heard
    with (
        withholding(toy, toy.redis.exists) as (way, url),  # the key of a result has the name of its channel
        open_hub(url, source="tests", prefix=toy.prefix) as hub,
    ):
        began = time.monotonic()
        assert hub.submit("consent.decide", resident_id="r-1", choice="refuse", wait=2 * SECONDS).applied
        assert time.monotonic() - began < SECONDS
    assert way.subscriptions
