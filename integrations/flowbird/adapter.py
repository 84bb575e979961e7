"""What we ask Flowbird."""

from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.base import Capabilities, LegalBasis
from integrations.flowbird import wire
from integrations.http import ProviderClient
from integrations.settings import ProviderSettings
from schemas.shared import SharedField, SharedPermit


class Flowbird:
    """Flowbird: a token of our own, one right a request; they match plates whatever the country."""

    name = "flowbird"
    capabilities = Capabilities(fields=frozenset(SharedField) - {SharedField.COUNTRY}, legal_basis=LegalBasis.CONSENT)

    def __init__(self, access: ProviderSettings, *, zone: ZoneInfo, connections: int) -> None:
        """Prepare without connecting."""
        self._zone = zone
        self._client = ProviderClient(
            self.name,
            access.url,
            wire.headers(access.key.get_secret_value()),
            connections=connections,
            refusal=wire.failure,
        )

    async def put(self, permit: SharedPermit) -> None:
        """Set the right of this reference."""
        body = wire.right(self.name, permit, self._zone)
        answer = await self._client.exchange("PUT", wire.path(permit.reference), body)
        if not wire.done(answer.data, permit.reference):
            raise self._client.unreadable(answer)

    async def remove(self, reference: UUID) -> None:
        """Delete the right; a reference that they do not know is success."""
        answer = await self._client.exchange("DELETE", wire.path(reference), accept={404})
        gone = wire.unknown(answer.data) if answer.status == 404 else wire.done(answer.data, reference)
        if not gone:
            raise self._client.unreadable(answer)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
