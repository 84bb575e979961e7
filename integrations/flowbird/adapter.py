"""The adapter of Flowbird."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from integrations.base import Capabilities, Change, LegalBasis, Page
from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.flowbird import wire
from integrations.flowbird.splitting import Outcomes, send_in_parts
from integrations.http import ProviderClient
from integrations.oauth import ClientCredentials
from integrations.settings import Certificate, ClientId, Key, ProviderSettings
from schemas.shared import SharedField

TOO_LARGE = 413
BATCH_REFUSED = frozenset({400, TOO_LARGE, 422})
UNCLEAR = frozenset({FailureCode.ROW_MISSING, FailureCode.ANSWER_UNREADABLE})


class Access(ProviderSettings):
    """Our access at Flowbird: a client certificate, and an id and a secret for tokens."""

    client_id: ClientId
    client_secret: Key
    certificate: Certificate


class Flowbird:
    """Flowbird: mutual TLS and OAuth2; all changes go in batches with a result for each row."""

    name = "flowbird"
    settings = Access
    capabilities = Capabilities(
        fields=frozenset(SharedField) - {SharedField.COUNTRY},
        legal_basis=LegalBasis.CONSENT,
        batch=wire.BATCH,
        lists=True,
    )

    def __init__(self, access: Access, *, zone: ZoneInfo, connections: int) -> None:
        """Prepare without connecting; days begin and end in `zone`."""
        self._client = ProviderClient(
            self.name,
            access,
            {},
            connections=connections,
            refusal=wire.failure,
            authorisation=ClientCredentials(
                self.name, access, wire.TOKEN, access.client_id, access.client_secret, access.certificate
            ),
            certificate=access.certificate,
        )
        self._zone = zone

    async def send(self, change: Change) -> None:
        """Send a batch of one."""
        (error,) = await self.send_all([change])
        if error is not None:
            raise error

    async def send_all(self, changes: Sequence[Change]) -> Outcomes:
        """Send changes in one request, or in several if it is refused; a removal of nothing succeeds."""
        rows: list[wire.Document] = []
        incomplete: dict[int, ProviderError] = {}
        for place, change in enumerate(changes):
            try:
                rows.append(wire.row(self.name, change, self._zone))
            except RejectedError as error:
                incomplete[place] = error
        try:
            ended = await send_in_parts(self.name, rows, self._exchange) if rows else []
        except ProviderError as error:
            if not incomplete:
                raise
            ended = [error] * len(rows)
        if not incomplete:
            return ended
        sent = iter(ended)
        return [incomplete[place] if place in incomplete else next(sent) for place in range(len(changes))]

    async def page(self, cursor: str | None) -> Page:
        """List the rights of our account, by reference."""
        answer = await self._client.exchange("GET", wire.page(cursor))
        listed = wire.listed(answer.data)
        if listed is None or (listed.cursor is not None and listed.cursor == cursor):
            raise self._client.unreadable(answer)
        copies = [found for right in listed.rights if (found := wire.copy(right, self._zone)) is not None]
        return Page(copies, listed.cursor, foreign=len(listed.rights) - len(copies))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _exchange(self, rows: Sequence[wire.Document]) -> Outcomes:
        """Send rows in one request.

        Raises:
            RejectedError: the batch was refused as a whole.
        """
        try:
            answer = await self._client.exchange("POST", wire.CHANGES, wire.batch(rows), accept=BATCH_REFUSED)
        except RejectedError as error:  # 404, 415 and the like: our request is wrong, not a permit
            raise NotSentError(self.name, error.code, status=error.status) from None
        except UnclearError as error:
            if error.status != TOO_LARGE or len(rows) == 1:
                raise
            # Also from a gateway: the request was not passed on.
            raise RejectedError(self.name, FailureCode.REQUEST_REFUSED, status=TOO_LARGE) from None
        if answer.status in BATCH_REFUSED:
            if not wire.refuses(answer.data):
                raise self._client.unreadable(answer)
            raise RejectedError(self.name, wire.failure(answer.data), status=answer.status)
        codes = wire.outcomes(answer.data, rows)
        if codes is None:
            raise self._client.unreadable(answer)
        return [None if code is None else self._error(code, answer.status) for code in codes]

    def _error(self, code: FailureCode, status: int) -> ProviderError:
        return (UnclearError if code in UNCLEAR else RejectedError)(self.name, code, status=status)
