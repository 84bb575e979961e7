"""How a worker with nothing to do learns that a message is there: it waits without taking anything.

`BLMOVE queue queue RIGHT RIGHT` waits for a list to have an item, and puts that item back where it was in the same
step. It takes one list, so each queue has a connection that waits. All idle workers of a queue are woken by one
message; those who find it taken wait again.
"""

import socket
from time import monotonic
from typing import Any

import structlog
from kombu.transport import redis as kombu_redis
from redis.exceptions import ResponseError

WAIT_SECONDS = 2  # then all lists are looked at, also those for priorities, that no connection waits for

log = structlog.get_logger()


class Wait:
    """One connection that waits for one queue; kombu's poller knows it as a client."""

    def __init__(self, client: Any, key: str) -> None:
        self._client = client
        self._key = key
        self._asked_on: socket.socket | None = None
        self._asked_at = 0.0
        self._pause_until = 0.0
        self.connection_pool = client.connection_pool
        self.connection: Any = None  # the poller's to make

    @property
    def unanswered(self) -> bool:
        """Tell whether an answer is to come; a lost connection brings none."""
        return self._asked_on is not None and self.connection._sock is self._asked_on

    def ask(self) -> None:
        """Have the server answer when the queue has a message, or after a while, unless it is to answer already."""
        if self.unanswered or monotonic() < self._pause_until:
            return
        self.connection.send_command("BLMOVE", self._key, self._key, "RIGHT", "RIGHT", WAIT_SECONDS)
        self._asked_on, self._asked_at = self.connection._sock, monotonic()

    def hear(self) -> bool:
        """Read what the connection has to say; return False when the server has closed it while nothing was asked."""
        if not self.unanswered:
            self.connection.disconnect()
            return False
        self._asked_on = None
        try:
            self._client.parse_response(self.connection, "BLMOVE")
        except ResponseError as error:
            log.error("queue.unreadable", key=self._key, error=str(error))
            self._pause_until = monotonic() + WAIT_SECONDS
        return True

    def drop_overdue(self, seconds: float) -> None:
        """Drop a connection on which an answer is overdue by so long: it is half open."""
        if self.unanswered and monotonic() - self._asked_at > WAIT_SECONDS + seconds:
            self.connection.disconnect()

    def close(self) -> None:
        """Close the connection."""
        connection, self.connection, self._asked_on = self.connection, None, None
        if connection is not None:
            connection.disconnect()


class WaitingPoller(kombu_redis.MultiChannelPoller):
    """kombu's poller, with connections that wait in place of one that pops."""

    def _register_BRPOP(self, channel: Any) -> None:  # noqa: N802  (kombu's name for: get the next message)
        for wait in channel.waits():
            if not self._client_registered(channel, wait, wait):  # type: ignore[no-untyped-call]
                self._register(channel, wait, wait)  # type: ignore[no-untyped-call]
            wait.ask()

    def on_readable(self, fileno: int) -> Any:
        """Handle what a connection has to say; a full worker hears a wait as well, or its loop would spin."""
        channel, kind = self._fd_to_chan.get(fileno, (None, None))
        if isinstance(kind, Wait):
            return channel.hear(kind)
        return super().on_readable(fileno)  # type: ignore[no-untyped-call]

    def maybe_check_brpop_health(self) -> None:
        """Drop connections on which an answer is overdue; a socket that never becomes readable tells nothing."""
        for channel in self._channels:
            for wait in channel.waits():
                wait.drop_overdue(channel.health_check_interval)
