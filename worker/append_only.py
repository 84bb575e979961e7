"""Redis' append-only file: until it is rewritten it keeps every write, also of deleted data."""

from dataclasses import dataclass
from enum import StrEnum

import redis
from redis.exceptions import NoPermissionError


@dataclass(frozen=True, slots=True)
class AppendOnly:
    """The append-only file of a Redis process, and the state of its rewrite."""

    run_id: str
    is_kept: bool
    is_being_rewritten: bool  # or waits for a snapshot to end
    last_failed: bool


class RewriteAnswer(StrEnum):
    """Redis' answer to a request for a rewrite."""

    BEGUN = "begun"
    NOT_NOW = "not_now"  # another rewrite is under way, or no process could be started
    REFUSED = "refused"  # by a service that manages its own files, or for want of rights


def read_state(client: redis.Redis) -> AppendOnly:
    """Return the state of the file."""
    server, persistence = client.info("server"), client.info("persistence")
    return AppendOnly(
        run_id=str(server["run_id"]),
        is_kept=bool(int(persistence.get("aof_enabled", 0))),
        is_being_rewritten=any(
            int(persistence.get(name, 0)) for name in ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
        ),
        last_failed=persistence.get("aof_last_bgrewrite_status") == "err",
    )


def rewrite(client: redis.Redis) -> RewriteAnswer:
    """Start a rewrite of the file in the background."""
    try:
        client.bgrewriteaof()
    except NoPermissionError:
        return RewriteAnswer.REFUSED
    except redis.ResponseError as error:
        return RewriteAnswer.REFUSED if "unknown command" in str(error).lower() else RewriteAnswer.NOT_NOW
    return RewriteAnswer.BEGUN
