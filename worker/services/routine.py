"""Routine work: each of its transactions first stands aside for the decisions under way."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from worker.db import engine
from worker.db.slices import Slices
from worker.hub import Hub

T = TypeVar("T")


def transact(hub: Hub, work: Callable[[Connection], T], *, relaxed: bool = False) -> T:
    """Run `work` in one transaction, as `worker.db.engine.transact` does."""
    hub.right_of_way.stand_aside()
    return engine.transact(hub.engine, work, relaxed=relaxed)


def take(hub: Hub, slices: Slices, change: Callable[[Connection, int], T]) -> T:
    """Make the next slice of a change of many rows, as `Slices.take` does."""
    return slices.take(hub.engine, change, before_each=hub.right_of_way.stand_aside)
