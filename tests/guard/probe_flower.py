"""Flower for the probe's worker, as `worker.flower` is for the hub's."""

from probe import app

from worker.tasks.broker.flower_transport import use_flower_transport

__all__ = ["app"]

use_flower_transport()
