"""The floors of a round: what each part costs by itself on this machine, just before the contenders' turns."""

from contextlib import closing
from statistics import median

import redis

from bench.floors import commits, exchanges, trips
from bench.peers.driven import PeerContender
from bench.peers.stand_ins import StandIns
from ops.embedded.postgres import DATABASE

FLOORS = {
    "commit_ms": "a commit to disk",
    "trip_ms": "a round trip to Valkey",
    "exchange_ms": "an HTTP exchange with a stand-in",
    "no_op_ms": "a Celery task that does nothing, there and back",
}


def floors(celery: PeerContender, stand_ins: StandIns, number: int) -> dict[str, float]:
    """Measure each floor so many times, and return the medians."""
    with closing(celery.servers.postgres.connect(DATABASE)) as database:
        commit_ms = median(commits(database, number))
    with redis.Redis.from_url(celery.servers.valkey.url) as client:
        trip_ms = median(trips(client, number))
    return {
        "commit_ms": commit_ms,
        "trip_ms": trip_ms,
        "exchange_ms": median(exchanges(stand_ins.environment, number)),
        "no_op_ms": median(celery.no_ops(number)),
    }
