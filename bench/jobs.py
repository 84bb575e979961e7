"""Jobs: how long one takes, how many go through the queue, how fast permits are imported."""

import base64
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from uuid import UUID, uuid4

from permit_hub_client import Job
from permit_hub_client.message import list_item, result_name
from permit_hub_client.signature import sign

from bench.figures import Figure, rates, times
from bench.ground import ADDRESS, RECEIPT_SECONDS, ROWS, Ground, Inhabitant, cpu_seconds
from ops.demo.account import verified
from ops.source_rights import OPERATOR

RECEIPT_MS = 8.0
OF_NO_OPS_PERCENT = 45.0
IMPORT_RATE = 3_000.0
EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def measure_receipt(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure from submitting a job to its receipt: one job at a time, of several kinds, on distinct residents."""
    number = 100 if quick else 500
    taken = []
    for job in _mixed(ground, number):
        started = time.perf_counter()
        receipt = ground.hub.submit(job, wait=RECEIPT_SECONDS)
        taken.append((time.perf_counter() - started) * 1000)
        assert receipt.applied, receipt
    ground.settle()
    return times("job to receipt", taken, median_target=RECEIPT_MS, p99_target=None)


def measure_queue(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure jobs through the queue, in turn with `hub.ping` through the same queue, worker and result backend."""
    rounds, number = (2, 300) if quick else (5, 800)
    ping_rates: list[float] = []
    job_rates: list[float] = []
    ping_cpu: list[float] = []
    job_cpu: list[float] = []
    for _ in range(rounds):
        wired = [_wired(ground, job) for job in _queued(ground, number // 2)]
        for messages, rate, cpu in (
            ([_ping() for _ in range(number)], ping_rates, ping_cpu),
            (wired, job_rates, job_cpu),
        ):
            before = cpu_seconds(ground)
            rate.append(_drained(ground, messages))
            cpu.append((cpu_seconds(ground) - before) * 1000 / number)
        _check_applied(ground, wired)
    parts = [100 * ours / theirs for ours, theirs in zip(job_rates, ping_rates, strict=True)]
    share = Figure("jobs, of the no-op rate", median(parts), "%", min(parts), max(parts), rounds, OF_NO_OPS_PERCENT)
    return [
        rates("no-ops through the queue", ping_rates, "/s"),
        rates("jobs through the queue", job_rates, "/s"),
        replace(share, at_most=False),
        rates("processor time of a no-op, all processes", ping_cpu, "ms"),
        rates("processor time of a job, all processes", job_cpu, "ms"),
    ]


def measure_import(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure imports of a thousand permits each, with a few queued at once."""
    rounds, at_once = (2, 2) if quick else (5, 4)
    each = []
    for _ in range(rounds):
        jobs = [ground.import_of(ROWS)[0] for _ in range(at_once)]
        started = time.perf_counter()
        for job in [ground.hub.send(job) for job in jobs]:
            receipt = ground.hub.receipt(job, wait=RECEIPT_SECONDS)
            assert receipt.rows is not None
            assert all(row.applied for row in receipt.rows)
        each.append(ROWS * at_once / (time.perf_counter() - started))
    return [rates("permits imported", each, "/s", IMPORT_RATE)]


def _mixed(ground: Ground, number: int) -> list[Job]:
    """Return jobs of several kinds, each about its own resident."""
    kinds: Sequence[Callable[[Ground, Inhabitant], Job]] = (_contact, _vehicle, _address, _request, _allow)
    return [
        kinds[place % len(kinds)](ground, inhabitant) for place, inhabitant in enumerate(ground.inhabitants(number))
    ]


def _queued(ground: Ground, number: int) -> list[Job]:
    return [kind(ground, inhabitant) for inhabitant in ground.inhabitants(number) for kind in (_contact, _vehicle)]


def _contact(ground: Ground, inhabitant: Inhabitant) -> Job:
    return ground.hub.job(
        "resident.update_contact", resident_id=inhabitant.resident_id, name="Élodie Exemple", email="elodie@example.fr"
    )


def _vehicle(ground: Ground, inhabitant: Inhabitant) -> Job:
    plate = ground.plate()
    return ground.hub.job(
        "permit.change_vehicle",
        resident_id=inhabitant.resident_id,
        permit_id=inhabitant.permit_id,
        plate=plate,
        verified=verified(plate),
    )


def _address(ground: Ground, inhabitant: Inhabitant) -> Job:
    return ground.hub.job(
        "permit.change_address",
        resident_id=inhabitant.resident_id,
        permit_id=inhabitant.permit_id,
        address=ADDRESS,
        zones=["14C"],
        verified=verified(address=ADDRESS),
    )


def _request(ground: Ground, inhabitant: Inhabitant) -> Job:
    plate = ground.plate()
    return ground.hub.job(
        "permit.request",
        resident_id=inhabitant.resident_id,
        permit_id=uuid4(),
        plate=plate,
        profile="standard",
        years=1,
        address=ADDRESS,
        zones=["14A"],
        verified=verified(plate, ADDRESS),
    )


def _allow(ground: Ground, inhabitant: Inhabitant) -> Job:
    return ground.consent(inhabitant, "allow", 0)


def _wired(ground: Ground, job: Job) -> tuple[UUID, str]:
    """Return a job's message, signed as the client would."""
    key = ground.stack.sources.keys[OPERATOR].encode()
    signature = sign(key, OPERATOR, job.kind, "jobs", job.job_id, job.text)
    return job.job_id, list_item(job.kind, job.job_id, [job.text, signature], "jobs", "bench")


def _ping() -> tuple[UUID, str]:
    """Return a no-op: the client's own message, without an argument."""
    task_id = uuid4()
    item = json.loads(list_item("hub.ping", task_id, [], "jobs", "bench"))
    item["body"] = base64.b64encode(json.dumps([[], {}, EMBED]).encode()).decode()
    return task_id, json.dumps(item)


def _drained(ground: Ground, wired: Sequence[tuple[UUID, str]]) -> float:
    """Put all messages on the queue at once; return the results per second."""
    prefix = ground.stack.environment["PERMIT_HUB_REDIS_PREFIX"]
    names = [prefix + result_name(task_id) for task_id, _ in wired]
    started = time.perf_counter()
    ground.redis.lpush(f"{prefix}jobs", *(item for _, item in wired))
    ground.until(lambda: ground.redis.exists(*names) == len(names), "all results")
    return len(wired) / (time.perf_counter() - started)


def _check_applied(ground: Ground, wired: Sequence[tuple[UUID, str]]) -> None:
    """Check that these jobs were applied: a refusal costs less."""
    prefix = ground.stack.environment["PERMIT_HUB_REDIS_PREFIX"]
    results = ground.redis.mget([prefix + result_name(task_id) for task_id, _ in wired])
    outcomes = {json.loads(result or "null")["result"]["outcome"] for result in results}
    assert outcomes == {"applied"}, outcomes
