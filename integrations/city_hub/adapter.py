"""The adapter of the city's hub."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field

from integrations.base import Capabilities, Change, LegalBasis, Limit, Page
from integrations.city_hub import wire
from integrations.city_hub.bulk import Bulk, Outcomes
from integrations.city_hub.series import ActiveSeries
from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.http import ProviderClient, Response
from integrations.settings import Key, ProviderSettings
from schemas.shared import SharedField, SharedPermit

BATCH = 100  # they store so many in half a second
AT_ONCE = 8  # requests of one batch; they write 40 to 80 a second, even if more wait
LAST_START_SECONDS = 2.0  # a later request could miss the deadline, and lose the outcomes of the others


class Access(ProviderSettings):
    """The operator's key, and the enforcement domain of the city's permits."""

    key: Key
    domain: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,10}$")]


class CityHub:
    """The city's own hub for meters and enforcement: a Parkkihubi with our permits in its one active series."""

    name = "city_hub"
    settings = Access
    capabilities = Capabilities(
        fields=frozenset({SharedField.PLATE, SharedField.ZONES, SharedField.VALIDITY}),
        legal_basis=LegalBasis.PUBLIC_TASK,
        batch=BATCH,
        batch_of_first_puts=True,
        lists=True,
        has_store=True,
        limits=(Limit(60, 1.0),),
    )

    def __init__(self, access: Access, *, zone: ZoneInfo, connections: int) -> None:
        """Prepare without connecting; days begin and end in `zone`."""
        headers = wire.headers(access.key.get_secret_value())
        self._client = ProviderClient(self.name, access, headers, connections=connections, refusal=wire.failure)
        self._series = ActiveSeries(self.name, self._client)
        self._words = wire.Words(self.name, access.domain, zone)
        self._bulk = Bulk(self.name, self._client, self._series, self._words)
        self._at_once = min(connections, AT_ONCE)

    @property
    def store(self) -> str | None:
        """Return the series of the last stored permit."""
        return self._series.store

    async def send(self, change: Change) -> None:
        """Replace the permit, or else create it; or delete it, which succeeds if they have none."""
        if change.permit is None:
            await self._remove(change.reference)
        else:
            await self._put(change.permit)

    async def send_all(self, changes: Sequence[Change]) -> Sequence[ProviderError | None]:
        """Create new permits in one request; send all other changes one by one, a few at a time."""
        new = [change for change in changes if change.version == 1 and change.permit is not None]
        others = [change for change in changes if change.version != 1 or change.permit is None]
        last_start = asyncio.get_running_loop().time() + LAST_START_SECONDS
        ended: Outcomes = {}

        async def create() -> None:
            there = await self._bulk.create([change.permit for change in new if change.permit is not None], ended)
            await self._send_each([change for change in new if change.reference in there], ended, last_start)

        async with asyncio.TaskGroup() as both:
            both.create_task(create())
            both.create_task(self._send_each(others, ended, last_start))
        return [ended[change.reference] for change in changes]

    async def page(self, cursor: str | None) -> Page:
        """List the permits of the one active series, from the last page to the first.

        Pages are counted from the oldest permit, so a deletion moves all later permits forward. Read backwards, only
        permits already seen move into pages still to come, and are left out there. Read forwards, unseen permits would
        be missed.
        """
        if cursor is None:
            await self._series.check()
            rows, listed = await self._listed(1)
            if listed.more:
                return Page((), str(-(-listed.total // len(rows))))
            return self._page(rows, None)
        number, *lowest = (int(part) for part in cursor.split(":"))
        rows, _ = await self._listed(number)
        if lowest and any(row.series != lowest[0] for row in rows):  # another series was activated meanwhile
            raise UnclearError(self.name, FailureCode.SEVERAL_ACTIVE)
        unseen = [row for row in rows if not lowest or row.place < tuple(lowest)]
        if unseen:
            lowest = [*min(row.place for row in unseen)]
        return self._page(unseen, ":".join(map(str, (number - 1, *lowest))) if number > 1 else None)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _remove(self, reference: UUID) -> None:
        """Delete a permit from all series: an inactive one may be activated again, with all its permits."""
        answer = await self._client.exchange("GET", wire.permits_under(reference), accept={404})
        listed = wire.listed(answer.data)
        rows = [wire.row(item) for item in listed.items] if listed else []
        found = [row.number for row in rows if row is not None and row.reference == reference]
        if listed is None or listed.more or len(found) < len(rows):
            raise self._client.unreadable(answer)  # also for a list with other permits: those must not be deleted
        for number in found:
            answer = await self._client.exchange("DELETE", wire.permit(number), accept={404})
            if answer.status != 204 and not wire.absent(answer.data):
                raise self._client.unreadable(answer)

    async def _put(self, permit: SharedPermit) -> None:
        document = self._words.document(permit)
        answer = await self._client.exchange("PUT", wire.active_permit(permit.reference), document, accept={400, 404})
        if answer.status == 404:
            answer = await self._create(answer, document)
        if answer.status == 400:
            code = wire.failure(answer.data)
            refused = NotSentError if code in wire.NOT_THE_PERMITS else RejectedError
            raise refused(self.name, code, status=answer.status)
        row = wire.row(answer.data)
        if row is None or not self._words.stored(row, permit):
            raise self._client.unreadable(answer)
        self._series.note(row.series)

    async def _create(self, answer: Response, document: wire.Document) -> Response:
        """Create a permit after a PUT answered 404; after another 404 no series is active: find one and repeat."""
        for find_series in (False, True):
            if not wire.absent(answer.data):
                raise self._client.unreadable(answer)
            if find_series:
                self._series.drop_known()
                await self._series.find()
            answer = await self._client.exchange("POST", wire.ACTIVE_PERMITS, document, accept={400, 404})
            if answer.status != 404:
                return answer
        raise NotSentError(self.name, FailureCode.UNAVAILABLE, status=answer.status)

    async def _send_each(self, changes: Iterable[Change], ended: Outcomes, last_start: float) -> None:
        """Send changes in order, a few at a time, until one fails for a reason that concerns all."""
        clock, waiting = asyncio.get_running_loop().time, iter(changes)
        stop: ProviderError | None = None

        async def send_some() -> None:
            nonlocal stop
            for change in waiting:
                if stop is None and clock() > last_start:
                    stop = NotSentError(self.name, FailureCode.TIMED_OUT)
                if stop is not None:
                    ended[change.reference] = NotSentError(
                        self.name, stop.code, status=stop.status, retry_after=stop.retry_after
                    )
                    continue
                try:
                    await self.send(change)
                    ended[change.reference] = None
                except ProviderError as error:
                    ended[change.reference] = error
                    if isinstance(error, NotSentError) or error.code == FailureCode.UNAVAILABLE:
                        stop = error

        async with asyncio.TaskGroup() as few:
            for _ in range(self._at_once):
                few.create_task(send_some())

    async def _listed(self, number: int) -> tuple[list[wire.Row], wire.Listed]:
        """Return the permits on a page, and the page's totals."""
        path = wire.page_of(wire.ACTIVE_PERMITS, number)
        answer = await self._client.exchange("GET", path, accept={404})
        if number > 1 and answer.status == 404 and wire.absent(answer.data):  # permits were deleted meanwhile
            return [], wire.Listed((), 0, more=False)
        listed = wire.listed(answer.data)
        rows = [row for row in map(wire.row, listed.items) if row is not None] if listed else []
        if listed is None or len(rows) < len(listed.items):
            raise self._client.unreadable(answer)
        return rows, listed

    def _page(self, rows: Sequence[wire.Row], next_page: str | None) -> Page:
        copies = [self._words.copy(row.reference, row) for row in rows if row.reference is not None]
        return Page(copies, next_page, foreign=len(rows) - len(copies))
