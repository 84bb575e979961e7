"""Changes of a permit's vehicle: the time until every app has confirmed the new plate."""

import time

from bench.ground import RECEIPT_SECONDS, Ground, Inhabitant
from bench.withdrawals import await_confirmations
from ops.demo.account import verified


def change_vehicle(ground: Ground, inhabitant: Inhabitant) -> float:
    """Change a permit's vehicle; return the milliseconds until every app has confirmed the new plate."""
    plate = ground.plate()
    job = ground.hub.job(
        "permit.change_vehicle",
        resident_id=inhabitant.resident_id,
        permit_id=inhabitant.permit_id,
        plate=plate,
        verified=verified(plate),
    )
    with ground.hub.watch(inhabitant.resident_id) as watch:
        started = time.perf_counter()
        assert ground.hub.submit(job, wait=RECEIPT_SECONDS).applied
        await_confirmations(watch, held=True)
        return (time.perf_counter() - started) * 1000
