"""Flower for the probe's worker, as `worker.flower` is for the hub's."""

from importlib import import_module

from worker.tasks.broker.flower_transport import use_flower_transport

app = import_module("probe").app  # this folder is on the path
use_flower_transport()
