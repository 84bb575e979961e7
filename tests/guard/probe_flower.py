"""Flower for the probe's worker, as `worker.flower` is for the hub's."""

from probe import app

from worker.tasks.broker.flower_transport import look_on

__all__ = ["app"]

look_on()
