"""The one active series, whose permits count on the street: find it, or make it."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from integrations.city_hub import wire
from integrations.city_hub.wire import Series
from integrations.errors import FailureCode, NotSentError, ProviderError, UnclearError
from integrations.http import ProviderClient

ROUNDS = 5  # one is enough, unless another process does the same at the same time
MOST_PAGES = 50  # of series; inactive ones are pruned after days, so there are few


class ActiveSeries:
    """The active series, as far as this process knows.

    Workers that find none at the same time must agree on one: each makes a series, looks again, and activates the
    oldest empty one, also another worker's. A series with permits is never activated: that would restore removed
    permits. Deleting a series loses nothing: they refuse it while it has a permit.
    """

    def __init__(self, provider: str, client: ProviderClient) -> None:
        """Start without knowing."""
        self._provider = provider
        self._client = client
        self._known: int | None = None
        self._lock = asyncio.Lock()
        self.store: str | None = None

    def note(self, series: int) -> None:
        """Note that a permit was stored in this active series."""
        self.store = str(series)

    def drop_known(self) -> None:
        """Drop the known series; the next call of `find` looks for it."""
        self._known = None

    async def find(self) -> int:
        """Return the active series; make one if there is none.

        Raises:
            NotSentError: there is none, or it cannot be found now; no permit was sent.
        """
        async with self._lock:
            if self._known is None:
                try:
                    self._known = await self._settle()
                except ProviderError as error:
                    raise NotSentError(
                        self._provider, error.code, status=error.status, retry_after=error.retry_after
                    ) from None
            return self._known

    async def check(self) -> None:
        """Check that at most one series is active.

        Raises:
            UnclearError: several are; the city has to deactivate all but one.
        """
        if sum(series.active for series in await self._all()) > 1:
            raise UnclearError(self._provider, FailureCode.SEVERAL_ACTIVE)

    async def is_active(self, series: int) -> bool:
        """Return whether a series is active now."""
        answer = await self._client.exchange("GET", wire.series_path(series), accept={404})
        if answer.status == 404 and wire.absent(answer.data):
            return False
        found = wire.series(answer.data)
        if found is None or found.id != series:
            raise self._client.unreadable(answer)
        return found.active

    async def _settle(self) -> int:
        made: int | None = None
        for _ in range(ROUNDS):
            found = await self._all()
            active = min((series.id for series in found if series.active), default=None)
            if active is not None:
                if made is not None and made != active:
                    await self._discard(made)
                return active
            empty = await self._first_empty(sorted(series.id for series in found))
            if empty is None:
                made = await self._make()
            elif not any(series.active for series in await self._all()):  # else another was filled meanwhile
                await self._activate(empty)
        raise NotSentError(self._provider, FailureCode.UNAVAILABLE)

    async def _all(self) -> list[Series]:
        found: list[Series] = []
        for number in range(1, MOST_PAGES + 1):
            answer = await self._client.exchange("GET", wire.page_of(wire.ALL_SERIES, number), accept={404})
            if answer.status == 404 and wire.absent(answer.data) and number > 1:  # pages have vanished meanwhile
                break
            listed = wire.listed(answer.data)
            page = [wire.series(row) for row in listed.items] if listed else [None]
            if listed is None or None in page:
                raise self._client.unreadable(answer)
            found += [series for series in page if series is not None]
            if not listed.more:
                break
        return found

    async def _first_empty(self, candidates: Iterable[int]) -> int | None:
        for series in candidates:
            answer = await self._client.exchange("GET", wire.permits_of(series), accept={400})
            if answer.status == 400:  # it is gone
                continue
            listed = wire.listed(answer.data)
            if listed is None:
                raise self._client.unreadable(answer)
            if listed.total == 0:
                return series
        return None

    async def _make(self) -> int:
        answer = await self._client.exchange("POST", wire.ALL_SERIES, {})
        made = wire.series(answer.data)
        if made is None:
            raise self._client.unreadable(answer)
        return made.id

    async def _activate(self, series: int) -> None:
        answer = await self._client.exchange("POST", wire.activation(series), {}, accept={404})
        if not wire.activated(answer.data) and not wire.absent(answer.data):
            raise self._client.unreadable(answer)

    async def _discard(self, series: int) -> None:
        with suppress(ProviderError):  # it is empty, so they prune it later
            await self._client.exchange("DELETE", wire.series_path(series), accept={404})
