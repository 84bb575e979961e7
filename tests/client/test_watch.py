"""A watch of a resident, against a real Redis-protocol server."""

import json

from permit_hub_client import RESUMED, Hub

from tests.client.conftest import ToyHub, numbered


def test_a_watch_gets_events_from_its_start(either: Hub, toy: ToyHub) -> None:
    channel = f"{toy.prefix}watch:r-1"
    with either.watch("r-1") as watch:
        for sequence in range(3):
            assert toy.redis.publish(channel, json.dumps(numbered(sequence))) == 1
        events = iter(watch)
        assert [next(events) for _ in range(3)] == [numbered(sequence) for sequence in range(3)]
        assert watch.next(timeout=0.01) is None
    assert either.space("r-nobody") is None  # a web app's event loop goes on
    assert toy.redis.publish(channel, "{}") == 0


def test_a_watch_survives_a_lost_connection_and_gets_resumed(either: Hub, toy: ToyHub) -> None:
    with either.watch("r-1") as watch:
        toy.redis.client_kill_filter(_type="pubsub")
        assert watch.next(timeout=20) == {"type": RESUMED, "subject": "r-1"}
        toy.redis.publish(f"{toy.prefix}watch:r-1", json.dumps(numbered(1)))
        assert watch.next(timeout=20) == numbered(1)
