"""How an idle worker learns of a message: it waits without taking anything.

`BLMOVE queue queue RIGHT RIGHT` waits for a list to have an item, and puts that item back in the same step. It takes
one list, so each queue has a connection that waits. One message wakes all idle workers of its queue; those that find it
taken wait again.
"""

import os
from time import monotonic
from typing import Any

import structlog
from kombu.transport import redis as kombu_redis
from redis.exceptions import ResponseError

WAIT_SECONDS = 2  # then all lists are read, also those for priorities, for which no connection waits

log = structlog.get_logger()


class Wait:
    """One connection that waits for one queue; to kombu's poller it is a client."""

    def __init__(self, client: Any, key: str) -> None:
        self._client = client
        self._key = key
        self._asked = False
        self._asked_at = 0.0
        self._pause_until = 0.0
        self.connection_pool = client.connection_pool
        self.connection: Any = None  # made by the poller

    @property
    def unanswered(self) -> bool:
        """Return whether an answer is still to come; a lost connection brings none."""
        return self._asked and bool(self.connection.is_connected)

    def ask(self) -> None:
        """Ask to be answered when the queue has a message, or after a while, unless already asked."""
        if self.unanswered or monotonic() < self._pause_until:
            return
        self.connection.register_connect_callback(self._connected)
        self.connection.send_command("BLMOVE", self._key, self._key, "RIGHT", "RIGHT", WAIT_SECONDS)
        self._asked, self._asked_at = True, monotonic()

    def hear(self) -> bool:
        """Read the answer; return False if the server has closed the connection unasked."""
        if not self.unanswered:
            self.connection.disconnect()
            return False
        self._asked = False
        try:
            self._client.parse_response(self.connection, "BLMOVE")
        except ResponseError as error:
            log.error("queue.unreadable", key=self._key, error=str(error))
            self._pause_until = monotonic() + WAIT_SECONDS
        return True

    def drop_overdue(self, seconds: float) -> None:
        """Drop a connection whose answer is overdue by `seconds`: it is half open."""
        if self.unanswered and monotonic() - self._asked_at > WAIT_SECONDS + seconds:
            self.connection.disconnect()

    def close(self) -> None:
        """Close the connection."""
        connection, self.connection, self._asked = self.connection, None, False
        if connection is not None:
            connection.disconnect()

    def _connected(self, _connection: object) -> None:
        """Note that the connection is another one: nothing was asked on it."""
        self._asked = False


class WaitingPoller(kombu_redis.MultiChannelPoller):
    """kombu's poller, with connections that wait instead of one that pops."""

    def _register_BRPOP(self, channel: Any) -> None:  # noqa: N802  (kombu's name for: get the next message)
        for wait in channel.waits():
            if not self._client_registered(channel, wait, wait):  # type: ignore[no-untyped-call]
                self._register(channel, wait, wait)  # type: ignore[no-untyped-call]
            wait.ask()

    def on_readable(self, fileno: int) -> Any:
        """Handle a readable connection; a full worker reads its waits too, or its loop would spin."""
        channel, kind = self._fd_to_chan.get(fileno, (None, None))
        if isinstance(kind, Wait):
            return channel.hear(kind)
        return super().on_readable(fileno)  # type: ignore[no-untyped-call]

    def leave(self, connection: Any) -> None:
        """Stop polling a connection that is about to be closed.

        A pool's process that was forked meanwhile has a copy of its socket. Once it is closed here, the kernel would
        go on reporting it under its number, which the next connection gets: the loop would read from one that says
        nothing.
        """
        if connection.is_connected and connection.pid == os.getpid():  # a fork shares its parent's poller
            self.poller.unregister(connection._sock)  # noqa: SLF001 - tests/guard/test_private_names.py

    def maybe_check_brpop_health(self) -> None:
        """Drop connections whose answer is overdue: a half-open socket never becomes readable."""
        for channel in self._channels:
            for wait in channel.waits():
                wait.drop_overdue(channel.health_check_interval)
