"""Live events of one resident."""

import json
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final, Literal, Self, TypedDict

import redis

from permit_hub_client.blocking import run
from permit_hub_client.documents import Event
from permit_hub_client.errors import HubUnavailable
from permit_hub_client.wire import EndedError, Subscription, Wire

_IDLE_SECONDS = 5.0

RESUMED: Final = "watch.resumed"
"""The type of `Resumed`."""


class Resumed(TypedDict):
    """Stands for events that may have been missed: a connection was lost, or events came too fast."""

    type: Literal["watch.resumed"]
    subject: str


class AsyncWatch:
    """The events of one resident, live, from the moment that the `async with` block begins.

    Read the personal space inside the block: whatever changes after that reading is an event. A lost connection is
    made again by itself; then comes an event of type `RESUMED`, which says no more than: read the space again.
    """

    def __init__(self, wire: Wire, resident_id: str, channel: str) -> None:
        self._wire = wire
        self._resident_id = resident_id
        self._channel = channel
        self._context: AbstractAsyncContextManager[Subscription] | None = None
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Self:
        context = self._wire.subscribed(self._channel)
        try:
            self._subscription = await context.__aenter__()
        except redis.RedisError as error:
            raise HubUnavailable(f"Redis does not answer ({type(error).__name__})") from None
        self._context = context
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        context, self._context, self._subscription = self._context, None, None
        if context is not None:
            await context.__aexit__(None, None, None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event | Resumed:
        while True:
            try:
                event = await self._next(_IDLE_SECONDS)
            except EndedError:
                raise StopAsyncIteration from None
            if event is not None:
                return event

    async def next(self, timeout: float) -> Event | Resumed | None:  # noqa: ASYNC109  (named as that of `Watch`)
        """Return the next event, or None when there was none for `timeout` seconds: the moment for a heartbeat.

        Raises:
            HubUnavailable: the client was closed.
        """
        try:
            return await self._next(timeout)
        except EndedError:
            raise HubUnavailable("the client was closed") from None

    async def _next(self, seconds: float) -> Event | Resumed | None:
        if self._subscription is None:
            raise RuntimeError("a watch is used in a with statement")
        heard = await self._subscription.next(seconds)
        if heard is None:
            return None
        if isinstance(heard, bytes):
            event: Event = json.loads(heard)
            return event
        return {"type": RESUMED, "subject": self._resident_id}


class Watch:
    """The events of one resident, live, from the moment that the `with` block begins.

    Read the personal space inside the block: whatever changes after that reading is an event. A lost connection is
    made again by itself; then comes an event of type `RESUMED`, which says no more than: read the space again.
    """

    def __init__(self, watch: AsyncWatch) -> None:
        self._watch = watch

    def __enter__(self) -> Self:
        run(self._watch.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run(self._watch.__aexit__(kind, error, trace))

    def __iter__(self) -> Iterator[Event | Resumed]:
        while True:
            yield run(self._watch.__anext__())

    def next(self, timeout: float) -> Event | Resumed | None:
        """Return the next event, or None when there was none for `timeout` seconds: the moment for a heartbeat."""
        return run(self._watch.next(timeout))
