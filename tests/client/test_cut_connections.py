"""Connections that are cut, during a watch and while idle."""

import time
from urllib.parse import urlsplit

import pytest
from permit_hub_client import Hub

from ops.embedded.servers import free_port
from tests.client.conftest import OpenHub, ToyHub
from tests.support.relay import relay


class OwnError(Exception):
    """An error of the app itself."""


def test_a_watch_that_is_cut_off_hides_no_error_raised_inside_it(toy: ToyHub) -> None:
    target, port = urlsplit(toy.url).port, free_port()
    assert target is not None
    url = toy.url.replace(f":{target}", f":{port}")

    def watch_and_fail() -> None:
        with hub.watch("r-1") as events:
            way.kill()
            way.wait(10)
            assert events.next(0.2) is None
            raise OwnError

    with (
        Hub(url, source="tests", prefix=toy.prefix, io_seconds=0.5) as hub,
        relay(port, target) as way,
        pytest.raises(OwnError),
    ):
        watch_and_fail()


def test_connections_cut_while_idle_cost_no_job(
    toy: ToyHub, open_hub: OpenHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, port = urlsplit(toy.url).port, free_port()
    assert target is not None
    url = toy.url.replace(f":{target}", f":{port}")

    with open_hub(url, source="tests", prefix=toy.prefix) as hub:
        with relay(port, target):
            assert hub.submit("consent.decide", resident_id="r-1", choice="refuse").applied
        now = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: now() + 60)  # idle connections are due for a health check
        with relay(port, target):
            assert hub.submit("consent.decide", resident_id="r-1", choice="refuse").applied
