"""The peers: their modules, and how each one's workers are started."""

from collections.abc import Mapping
from dataclasses import dataclass

HUB = "hub"  # the hub's own name among the contenders
QUIET = "--loglevel=WARNING"
AT_ONCE = 64  # pushes in each of two processes: together as many as the hub's four lanes have under way at most
URGENT_AT_ONCE = 16
DRAMATIQ = ("dramatiq", "bench.peers.dramatiq_actors")
PROCRASTINATE = ("procrastinate", "--app=bench.peers.procrastinate_jobs.app")


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer: its name in tables, its module, and what `python -m` starts, by a name for the log."""

    title: str
    module: str
    workers: Mapping[str, tuple[str, ...]]
    set_up: tuple[str, ...] = ()  # runs to its end before them


def _celery(module: str, name: str, *options: str) -> tuple[str, ...]:
    return ("celery", f"--app=bench.peers.{module}", "worker", f"--hostname={name}@%h", QUIET, *options)


def _threads(name: str, queue: str, number: int) -> tuple[str, ...]:
    return _celery("celery_fair", name, f"--queues={queue}", "--pool=threads", f"--concurrency={number}")


PEERS: Mapping[str, Peer] = {
    "celery": Peer(
        "Celery, as usual",
        "celery_usual",
        {"worker": _celery("celery_usual", "worker", "--concurrency=4")},
    ),
    "celery_fair": Peer(
        "Celery, fairest",
        "celery_fair",
        {
            "first": _threads("first", "celery", AT_ONCE),
            "second": _threads("second", "celery", AT_ONCE),
            "urgent": _threads("urgent", "urgent", URGENT_AT_ONCE),
        },
    ),
    "procrastinate": Peer(
        "Procrastinate",
        "procrastinate_jobs",
        dict.fromkeys(("first", "second"), (*PROCRASTINATE, "worker", f"--concurrency={AT_ONCE}")),
        set_up=(*PROCRASTINATE, "schema", "--apply"),
    ),
    "dramatiq": Peer(
        "Dramatiq",
        "dramatiq_actors",
        {
            "pushes": (*DRAMATIQ, "--queues=default", "--processes=2", f"--threads={AT_ONCE}"),
            "urgent": (*DRAMATIQ, "--queues=urgent", "--processes=1", f"--threads={URGENT_AT_ONCE}"),
        },
    ),
}
