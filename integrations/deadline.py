"""The moment after which no byte of a change may leave, held at the last place before the network.

A caller's `asyncio.timeout_at` is not enough: a process that was frozen, or a busy loop, still runs the step that
writes before it looks at its timers. Here the clock is looked at by the socket itself, in the call before the system's
own. So it counts for every piece of a body, for what waited in a buffer, for TLS, and for each further request.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from weakref import WeakValueDictionary

import aiohttp
from aiohttp.connector import Connection

UNACKNOWLEDGED_MS = 10_000  # then the system gives a connection up, with what it still holds of a request
DISCARD = struct.pack("ii", 1, 0)  # for SO_LINGER: closing drops what the system has not sent yet


class DeadlinePassedError(OSError):
    """Bytes of a request were about to leave after its deadline; `begun` tells whether earlier ones had left."""

    def __init__(self, *, begun: bool) -> None:
        super().__init__("the deadline has passed")
        self.begun = begun


@dataclass(slots=True)
class Deadline:
    """Bound an exchange: no byte of its requests leaves from `at` on, in the event loop's time."""

    at: float
    begun: bool | None = None  # bytes of one of its requests have left; None: no request was asked for yet


_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def bounded(at: float) -> Iterator[Deadline]:
    """Bound the requests that begin in this context, those of its tasks too."""
    found = Deadline(at)
    token = _deadline.set(found)
    try:
        yield found
    finally:
        _deadline.reset(token)


def unbind() -> None:
    """Lift the bound from the current task: what it fetches, such as a token, carries no data and serves others too."""
    _deadline.set(None)


def note_request() -> None:
    """Note that a request is asked for, so that from now on it is known whether bytes of it have left."""
    found = _deadline.get()
    if found is not None and found.begun is None:
        found.begun = False


class BoundedSocket(socket.socket):
    """A connection that lets no byte out after the deadline of the request that it carries."""

    __slots__ = ("begun", "deadline")

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        """Make a socket that carries no request yet."""
        super().__init__(family, kind, protocol)
        self.deadline: Deadline | None = None
        self.begun = False
        if hasattr(socket, "TCP_USER_TIMEOUT") and family != socket.AF_UNIX:
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)

    def carry(self, deadline: Deadline | None) -> None:
        """Belong to a new request."""
        self.deadline, self.begun = deadline, False

    def send(self, data: bytes, flags: int = 0, /) -> int:  # type: ignore[override]
        """Send, unless it is too late."""
        self._look()
        return self._sent(super().send(data, flags))

    def sendmsg(self, *message: object) -> int:
        """Send, unless it is too late; newer versions of asyncio use this for several pieces."""
        self._look()
        return self._sent(super().sendmsg(*message))  # type: ignore[arg-type]

    def _look(self) -> None:
        if self.deadline is not None and asyncio.get_running_loop().time() >= self.deadline.at:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DISCARD)
            raise DeadlinePassedError(begun=self.begun)

    def _sent(self, count: int) -> int:
        if count and self.deadline is not None:
            self.begun = self.deadline.begun = True
        return count


class OccupiedError(OSError):
    """A kept connection brings an unexpected answer, or still sends an earlier request; nothing was sent."""


_open: WeakValueDictionary[int, BoundedSocket] = WeakValueDictionary()
"""Connections by file descriptor; asyncio hands out nothing but a wrapper of a transport's socket."""


def connect_by(address: aiohttp.AddrInfoType) -> BoundedSocket:
    """Make the socket of a new connection; for `aiohttp.TCPConnector`."""
    family, kind, protocol, _, _ = address
    made = BoundedSocket(family, kind, protocol)
    _open[made.fileno()] = made
    return made


class BoundedRequest(aiohttp.ClientRequest):
    """A request whose connection lets no byte of it out after the deadline; for `aiohttp.ClientSession`."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Write the request, now or in another task: that is up to aiohttp and to the version of Python.

        Raises:
            OccupiedError: the connection still has bytes of another exchange to read or to send.
        """
        transport = conn.transport
        assert transport is not None
        assert conn.protocol is not None
        if conn.protocol.should_close or transport.get_write_buffer_size():
            raise OccupiedError
        _open[transport.get_extra_info("socket").fileno()].carry(_deadline.get())
        return await super().send(conn)
