"""Changes of a permit's vehicle: the time until every app has confirmed the new plate."""

import time

from permit_hub_client import RESUMED

from bench.ground import RECEIPT_SECONDS, Ground, Inhabitant
from ops.shown.space import APPS


def change_vehicle(ground: Ground, inhabitant: Inhabitant) -> float:
    """Change a permit's vehicle; return the milliseconds until every app has confirmed the new plate."""
    job = ground.hub.job(
        "permit.change_vehicle",
        resident_id=inhabitant.resident_id,
        permit_id=inhabitant.permit_id,
        plate=ground.plate(),
    )
    with ground.hub.watch(inhabitant.resident_id) as watch:
        started = time.perf_counter()
        assert ground.hub.submit(job, wait=RECEIPT_SECONDS).applied
        waiting = set(APPS)
        while waiting:
            event = watch.next(RECEIPT_SECONDS)
            if event is None or event["type"] == RESUMED:
                raise TimeoutError(f"no confirmation from {sorted(waiting)}")
            waiting -= {share["provider"] for share in event["data"]["shares"] if share["held"]}
        return (time.perf_counter() - started) * 1000
