"""What the hub knows of itself: the epoch of its published documents, and the Redis process it was started in."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

_READ = text("SELECT epoch, redis_run_id FROM hub_state FOR UPDATE")
_WRITE = text("UPDATE hub_state SET epoch = :epoch, redis_run_id = :redis_run_id")


@dataclass(frozen=True, slots=True)
class HubState:
    """The one row of the hub itself."""

    epoch: int
    redis_run_id: str | None


def lock(db: Connection) -> HubState:
    """Lock and return the hub's state: one process at a time decides on epochs."""
    row = db.execute(_READ).one()
    return HubState(row.epoch, row.redis_run_id)


def write(db: Connection, state: HubState) -> None:
    """Store the hub's state."""
    db.execute(_WRITE, {"epoch": state.epoch, "redis_run_id": state.redis_run_id})
