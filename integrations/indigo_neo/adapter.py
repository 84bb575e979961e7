"""What we ask Indigo Neo."""

from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.base import Capabilities, LegalBasis
from integrations.http import ProviderClient
from integrations.indigo_neo import wire
from integrations.settings import ProviderSettings
from schemas.shared import SharedField, SharedPermit


class IndigoNeo:
    """Indigo Neo: an access token, one assigned right a request, in UTC."""

    name = "indigo_neo"
    capabilities = Capabilities(fields=frozenset(SharedField), legal_basis=LegalBasis.CONSENT)

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
        """Assign the right, or overwrite the one of the same id."""
        body = wire.assigned_right(self.name, permit, self._zone)
        answer = await self._client.exchange("PUT", wire.path(permit.reference), body)
        if not wire.assigned(answer.data, permit.reference):
            raise self._client.unreadable(answer)

    async def remove(self, reference: UUID) -> None:
        """Delete the right; a reference that they do not know is success."""
        answer = await self._client.exchange("DELETE", wire.path(reference), accept={404})
        if answer.status != 204 and not wire.unknown(answer.data):
            raise self._client.unreadable(answer)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
