"""What the hub knows of itself: the epoch of its published documents, and the Redis process it was started in."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

_READ = text("SELECT epoch, redis_run_id, cleared_epoch FROM hub_state FOR UPDATE")
_WRITE = text("UPDATE hub_state SET epoch = :epoch, redis_run_id = :redis_run_id, cleared_epoch = :cleared_epoch")


@dataclass(frozen=True, slots=True)
class HubState:
    """The one row of the hub itself."""

    epoch: int
    redis_run_id: str | None
    cleared_epoch: int  # in Redis, no documents are left but of this epoch, or younger


def lock(db: Connection) -> HubState:
    """Lock and return the hub's state: one process at a time decides on epochs."""
    row = db.execute(_READ).one()
    return HubState(*row)


def write(db: Connection, state: HubState) -> None:
    """Store the hub's state."""
    db.execute(_WRITE, asdict(state))
