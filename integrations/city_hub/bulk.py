"""Create many permits in one request, which stores all of them or none."""

from collections.abc import Collection, Sequence
from uuid import UUID

from integrations.city_hub import wire
from integrations.city_hub.series import ActiveSeries
from integrations.city_hub.wire import Document, Words
from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.http import ProviderClient, Response
from schemas.shared import SharedPermit

Outcomes = dict[UUID, ProviderError | None]
"""The outcome of each change, by its reference; None: it is done."""


class Bulk:
    """Creates permits that were never sent before."""

    def __init__(self, provider: str, client: ProviderClient, series: ActiveSeries, words: Words) -> None:
        """Use the adapter's client, series and words."""
        self._provider = provider
        self._client = client
        self._series = series
        self._words = words

    async def create(self, permits: Sequence[SharedPermit], ended: Outcomes) -> Collection[UUID]:
        """Create permits without the faulty ones, and note each outcome; return those that exist already."""
        documents: dict[UUID, Document] = {}
        for permit in permits:
            try:
                documents[permit.reference] = self._words.document(permit)
            except RejectedError as error:
                ended[permit.reference] = error
        there: set[UUID] = set()
        try:
            while documents:
                series = await self._series.find()
                rows = [wire.in_series(document, series) for document in documents.values()]
                answer = await self._client.exchange("POST", wire.PERMITS, rows, accept={400})
                if answer.status != 400:
                    ended.update(
                        await self._read(answer, series, [one for one in permits if one.reference in documents])
                    )
                    break
                there |= self._drop_faulty(answer, documents, ended)
        except ProviderError as error:
            ended.update(dict.fromkeys(documents, error))
        return there

    def _drop_faulty(self, answer: Response, documents: dict[UUID, Document], ended: Outcomes) -> set[UUID]:
        """Drop the faulty rows; return those that exist already."""
        references, there = list(documents), set()
        faults = wire.faulty_rows(answer.data, len(references))
        codes = {number: wire.failure(fault) for number, fault in faults.items()}
        if not codes:
            raise self._client.unreadable(answer)
        if code := next(iter(wire.NOT_THE_PERMITS.intersection(codes.values())), None):
            self._series.drop_known()
            raise NotSentError(self._provider, code, status=answer.status)
        for number, code in codes.items():
            reference = references[number]
            del documents[reference]
            if wire.TAKEN in faults[number]:
                there.add(reference)
            else:
                ended[reference] = RejectedError(self._provider, code, status=answer.status)
        return there

    async def _read(self, answer: Response, series: int, permits: Sequence[SharedPermit]) -> Outcomes:
        """Return the outcome of each permit."""
        if not isinstance(answer.data, list):
            raise self._client.unreadable(answer)
        await self._check(series)
        self._series.note(series)
        rows = {row.reference: row for row in map(wire.row, answer.data) if row is not None}
        return {permit.reference: self._outcome(rows.get(permit.reference), permit, answer) for permit in permits}

    async def _check(self, series: int) -> None:
        """Check that the series is still active: permits in a replaced series do not count.

        Raises:
            UnclearError: it is not, or cannot be checked.
        """
        try:
            active = await self._series.is_active(series)
        except ProviderError as error:  # any error: the permits may be stored
            raise UnclearError(self._provider, error.code, status=error.status, retry_after=error.retry_after) from None
        if not active:
            self._series.drop_known()
            raise UnclearError(self._provider, FailureCode.UNAVAILABLE)

    def _outcome(self, row: wire.Row | None, permit: SharedPermit, answer: Response) -> ProviderError | None:
        if row is None:
            return UnclearError(self._provider, FailureCode.ROW_MISSING, status=answer.status)
        return None if self._words.stored(row, permit) else self._client.unreadable(answer)
