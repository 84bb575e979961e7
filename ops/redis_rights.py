"""Who may do what in Redis: a user for the hub, for Flower, for operators, and for each web app.

Each role lists what it uses and nothing more. Rights in parentheses belong together: a key that may be pushed to may
not be deleted. They need Redis 7 or Valkey.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from schemas.jobs import Queue

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_BEGINNING = re.compile(r"[A-Za-z0-9_-]{0,64}")
_CONNECTED = "+ping +hello +auth +select +client|setinfo +client|setname"


class Role(StrEnum):
    """What a user of Redis is."""

    HUB = "hub"  # workers, beat and the command line
    FLOWER = "flower"
    OPERATOR = "operator"  # a person who looks, and makes and restores backups
    UPSTREAM = "upstream"  # one web app
    FOLLOWER = "follower"  # who reads the events of all residents


_QUEUES = " ".join(f"%W~{{prefix}}{queue}" for queue in Queue)
_RIGHTS: Mapping[Role, str] = MappingProxyType(
    {
        Role.HUB: f"~{{prefix}}* &{{prefix}}* &{{prefix}}/0.celery.pidbox {_CONNECTED} +client|reply"
        " +blmove +brpop +rpop +lpush +rpush +llen +lrange +lindex"
        " +hset +hget +hdel +zadd +zrem +zrange +zrangebyscore +zrevrangebyscore +sadd +srem +smove +smembers"
        " +get +getdel +mget +set +setex +del +unlink +exists +expire +pexpire +scan"
        " +publish +subscribe +psubscribe +unsubscribe +punsubscribe +multi +exec +watch +unwatch"
        " +eval +evalsha +script|load +script|exists +xadd +info +time +bgrewriteaof",
        Role.FLOWER: f"&{{prefix}}* &{{prefix}}/0.celery.pidbox {_CONNECTED} +info"
        " +publish +subscribe +psubscribe +unsubscribe +punsubscribe +multi +exec +watch +unwatch"
        " +script|load +script|exists +time"
        " (~{prefix}_kombu.binding* +sadd +srem +smembers +eval +evalsha)"
        " (~{prefix}*.reply.celery.pidbox* ~{prefix}celeryev.* +brpop +rpop +lpush +llen +del)"
        " (~{prefix}unacked* +get +set +setex +del +expire +hset +hget +hdel +zadd +zrem +zrangebyscore"
        " +zrevrangebyscore +eval +evalsha)"
        " (%R~{prefix}* +llen)",
        Role.OPERATOR: "~* &* +@all",
        Role.UPSTREAM: f"&{{prefix}}celery-task-meta-* {{watches}} {_CONNECTED}"
        " +subscribe +unsubscribe +multi +exec"
        f" ({_QUEUES} +lpush)"
        " (~{prefix}celery-task-meta-* ~{prefix}plate:* ~{prefix}history:* ~{prefix}export:* +get +getdel +del)"
        " ({spaces} %R~{prefix}catalogue +get)",
        Role.FOLLOWER: f"{_CONNECTED} (%R~{{prefix}}events +xread +xrange)",
    }
)


def user(name: str, role: Role, password: str, prefix: str, residents: Iterable[str] = ("",)) -> str:
    """Return the line of Redis' users file for one user; it holds the password's hash alone.

    A web app may read the spaces of `residents` alone, by what their ids begin with.

    Raises:
        ValueError: a name that Redis, or the user part of a URL, would not take as it is; no beginning of an id.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a user of Redis: letters, digits, dots, dashes, at most 64")
    beginnings = sorted(residents)
    if wrong := [one for one in beginnings if not _BEGINNING.fullmatch(one)]:
        raise ValueError(f"no resident's id begins with {wrong[0]!r}: letters, digits, dashes, at most 64")
    watches = " ".join(f"&{prefix}watch:{one}*" for one in beginnings)
    spaces = " ".join(f"%R~{prefix}space:{one}*" for one in beginnings)
    rights = _RIGHTS[role].format(prefix=prefix, watches=watches, spaces=spaces).split()
    if "&**" in rights:  # all channels: Redis then takes no other pattern
        rights = ["&*", *(right for right in rights if not right.startswith("&"))]
    digest = hashlib.sha256(password.encode()).hexdigest()
    return f"user {name} on sanitize-payload #{digest} resetkeys resetchannels -@all {' '.join(rights)}"


def users_file(users: Iterable[str]) -> str:
    """Return Redis' users file: these users, and no access without a name."""
    return "\n".join(["user default off resetpass resetkeys resetchannels -@all", *users, ""])
