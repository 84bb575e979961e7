"""A hub in the measuring process itself, with the stack's settings."""

import logging
import os

import structlog

from bench.ground import Ground
from worker.hub import Hub, make_hub
from worker.settings import settings


def hub_inside(ground: Ground) -> Hub:
    """Return a hub on the stack's database and Redis; it wakes no worker."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    os.environ.update(ground.stack.environment)
    return make_hub(settings(), lambda _: None)
