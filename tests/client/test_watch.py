"""A watch of a resident, against a real Redis-protocol server."""

import json

from permit_hub_client import RESUMED, Hub

from tests.client.conftest import ToyHub


def test_a_watch_gets_what_happens_after_it_began(either: Hub, toy: ToyHub) -> None:
    channel = f"{toy.prefix}watch:r-1"
    with either.watch("r-1") as watch:
        for sequence in range(3):
            assert toy.redis.publish(channel, json.dumps({"sequence": sequence})) == 1
        events = iter(watch)
        assert [next(events) for _ in range(3)] == [{"sequence": 0}, {"sequence": 1}, {"sequence": 2}]
        assert watch.next(timeout=0.01) is None
    assert either.space("r-nobody") is None  # a web app's event loop goes on
    assert toy.redis.publish(channel, "{}") == 0


def test_a_watch_survives_a_lost_connection_and_says_that_it_may_have_missed_something(
    either: Hub, toy: ToyHub
) -> None:
    with either.watch("r-1") as watch:
        toy.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        assert watch.next(timeout=20) == {"type": RESUMED, "subject": "r-1"}
        toy.redis.publish(f"{toy.prefix}watch:r-1", json.dumps({"sequence": 1}))
        assert watch.next(timeout=20) == {"sequence": 1}
