"""The deadline after which no byte of a change may be sent, checked by the socket itself.

A caller's `asyncio.timeout_at` is not enough: after a freeze, or in a busy loop, the step that writes runs before the
loop looks at its timers. So the socket checks the clock right before each system call. The check covers every piece of
a body, buffered bytes, TLS, and each further request.
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

from integrations.looking import LookingLoop

UNACKNOWLEDGED_MS = 10_000  # then the system drops the connection, with the unsent rest of a request
DISCARD = struct.pack("ii", 1, 0)  # for SO_LINGER: closing drops unsent bytes


class DeadlinePassedError(OSError):
    """Bytes of a request were about to be sent after its deadline; `begun`: earlier bytes were sent."""

    def __init__(self, *, begun: bool) -> None:
        super().__init__("the deadline has passed")
        self.begun = begun


@dataclass(slots=True)
class Deadline:
    """The bound of an exchange: no byte of its requests is sent from `at` on, in the event loop's time."""

    at: float
    begun: bool | None = None  # whether bytes of a request were sent; None before the first request
    answer_seconds: float | None = None  # from the first byte of the first request to the head of its answer

    def note_answer(self, seconds: float) -> None:
        """Note the time of an answer; only that of the first request counts."""
        if self.answer_seconds is None:
            self.answer_seconds = seconds


_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def bounded(at: float) -> Iterator[Deadline]:
    """Bound the requests that begin in this context, also in its tasks."""
    found = Deadline(at)
    token = _deadline.set(found)
    try:
        yield found
    finally:
        _deadline.reset(token)


def unbind() -> None:
    """Remove the bound from the current task: a fetched token has no personal data and serves other requests, too."""
    _deadline.set(None)


def note_request() -> None:
    """Note that a request begins: from now on `begun` is known."""
    found = _deadline.get()
    if found is not None and found.begun is None:
        found.begun = False


class BoundedSocket(socket.socket):
    """A socket that sends no byte after the deadline of its current request, and measures its answer time.

    Only here is the time of a request known without the time that it waited for this process.
    """

    __slots__ = ("begun", "came_at", "deadline", "sent_at")

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        """Make a socket without a request."""
        super().__init__(family, kind, protocol)
        self.deadline: Deadline | None = None
        self.begun = False
        self.sent_at: float | None = None  # the first byte of the request
        self.came_at: float | None = None  # the latest bytes since then
        if hasattr(socket, "TCP_USER_TIMEOUT") and family != socket.AF_UNIX:
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)

    def carry(self, deadline: Deadline | None) -> None:
        """Begin a new request."""
        self.deadline, self.begun, self.sent_at, self.came_at = deadline, False, None, None

    def send(self, data: bytes, flags: int = 0, /) -> int:  # type: ignore[override]
        """Send, unless the deadline has passed."""
        self._check()
        return self._sent(super().send(data, flags))

    def sendmsg(self, *message: object) -> int:
        """Send, unless the deadline has passed; newer versions of asyncio use this for several pieces."""
        self._check()
        return self._sent(super().sendmsg(*message))  # type: ignore[arg-type]

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Receive, and note when."""
        received = super().recv(size, flags)
        self._received()
        return received

    def recv_into(self, *place: object) -> int:
        """Receive, and note when; TLS uses this."""
        count = super().recv_into(*place)  # type: ignore[arg-type]
        self._received()
        return count

    def note_answer(self) -> None:
        """Note that the bytes received last completed the head of the answer.

        The first bytes may be something else: session tickets of TLS 1.3, an interim answer, the connection's end.
        """
        if self.deadline is not None and self.sent_at is not None and self.came_at is not None:
            self.deadline.note_answer(max(self.came_at - self.sent_at, 0.0))
        self.sent_at = None

    def _received(self) -> None:
        if self.sent_at is not None:
            loop = asyncio.get_running_loop()
            self.came_at = loop.came_after if isinstance(loop, LookingLoop) else loop.time()

    def _check(self) -> None:
        if self.deadline is not None and asyncio.get_running_loop().time() >= self.deadline.at:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DISCARD)
            raise DeadlinePassedError(begun=self.begun)

    def _sent(self, count: int) -> int:
        if count and not self.begun and self.deadline is not None:
            self.begun = self.deadline.begun = True
            self.sent_at = asyncio.get_running_loop().time()
        return count


class OccupiedError(OSError):
    """A kept connection has an unexpected answer, or still sends an earlier request; nothing was sent."""


_open: WeakValueDictionary[int, BoundedSocket] = WeakValueDictionary()
"""Sockets by file descriptor: asyncio gives out only a wrapper of a transport's socket."""


def connect_by(address: aiohttp.AddrInfoType) -> BoundedSocket:
    """Make the socket of a new connection; for `aiohttp.TCPConnector`."""
    family, kind, protocol, _, _ = address
    made = BoundedSocket(family, kind, protocol)
    _open[made.fileno()] = made
    return made


def socket_of(connection: Connection) -> BoundedSocket | None:
    """Return the socket of a connection; None once it is closed."""
    transport = connection.transport
    return None if transport is None else _open.get(transport.get_extra_info("socket").fileno())


class BoundedRequest(aiohttp.ClientRequest):
    """A request whose socket sends no byte of it after the deadline; for `aiohttp.ClientSession`."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Write the request, now or in another task (that depends on aiohttp and Python's version).

        Raises:
            OccupiedError: the connection still has bytes of another exchange to read or send.
        """
        transport, carrier = conn.transport, socket_of(conn)
        assert transport is not None
        assert carrier is not None
        assert conn.protocol is not None
        if conn.protocol.should_close or transport.get_write_buffer_size():
            raise OccupiedError
        carrier.carry(_deadline.get())
        return await super().send(conn)
