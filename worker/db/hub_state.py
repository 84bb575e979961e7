"""The hub's own state: the epoch of its published documents, and the Redis process in which that began."""

from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, bindparam, select

from worker.db import tables


@dataclass(frozen=True, slots=True)
class HubState:
    """The one row of the hub itself."""

    epoch: int
    redis_run_id: str | None
    cleared_epoch: int  # Redis has no documents of an older epoch


_COLUMNS = [tables.hub_state.c[field.name] for field in fields(HubState)]
_READ = select(*_COLUMNS).with_for_update()
_WRITE = tables.hub_state.update().values({column.name: bindparam(column.name) for column in _COLUMNS})


def lock(db: Connection) -> HubState:
    """Lock and return the hub's state, so that one process at a time decides on epochs."""
    row = db.execute(_READ).one()
    return HubState(*row)


def write(db: Connection, state: HubState) -> None:
    """Store the hub's state."""
    db.execute(_WRITE, asdict(state))
