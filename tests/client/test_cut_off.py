"""A connection that is cut while somebody listens: what goes wrong inside is theirs, and hidden by nothing of ours."""

from urllib.parse import urlsplit

import pytest
from permit_hub_client import Hub

from ops.embedded.servers import free_port
from tests.client.conftest import ToyHub
from tests.relay import relay


class OwnError(Exception):
    """What the app itself raises."""


def test_a_watch_that_is_cut_off_hides_nothing_that_goes_wrong_inside(toy: ToyHub) -> None:
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
