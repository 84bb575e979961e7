"""A Redis that is unavailable or never answers is an error in bounded time, without the password."""

import socket
import time
from collections.abc import Iterator

import pytest
import redis
from permit_hub_client import Hub, HubUnavailable

from ops.embedded.servers import free_port
from tests.client.conftest import OpenHub


@pytest.fixture
def closed_port() -> int:
    return free_port()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Return a port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("port", ["closed_port", "silent_port"])
def test_an_unavailable_redis_is_an_error_in_bounded_time(
    port: str, open_hub: OpenHub, request: pytest.FixtureRequest
) -> None:
    url = f"redis://127.0.0.1:{request.getfixturevalue(port)}"
    with open_hub(url, source="tests", io_seconds=0.2) as hub:
        began = time.monotonic()
        with pytest.raises(HubUnavailable) as caught:
            hub.submit("consent.decide", resident_id="r-1", wait=60)
        assert caught.value.job is not None
        with pytest.raises(HubUnavailable):
            hub.send("consent.decide", resident_id="r-1")
        with pytest.raises(HubUnavailable):
            hub.space("r-1")
        with pytest.raises(HubUnavailable):
            hub.export(caught.value.job)
        with pytest.raises(HubUnavailable), hub.watch("r-1"):
            pass
        assert time.monotonic() - began < 5 * 5 * 0.2 + 3


def test_a_new_hub_does_not_connect(closed_port: int) -> None:
    Hub(f"redis://127.0.0.1:{closed_port}", source="tests").close()


def test_errors_do_not_show_the_password(closed_port: int, open_hub: OpenHub) -> None:
    with (
        open_hub(f"redis://:hunter2@127.0.0.1:{closed_port}", source="tests") as hub,
        pytest.raises(HubUnavailable) as caught,
    ):
        hub.send("consent.decide")
    assert "hunter2" not in str(caught.value)
    assert isinstance(caught.value.__context__, redis.RedisError)
