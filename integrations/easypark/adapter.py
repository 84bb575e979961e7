"""What we ask EasyPark."""

from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.base import Capabilities, LegalBasis
from integrations.easypark import wire
from integrations.http import ProviderClient
from integrations.settings import ProviderSettings
from schemas.shared import SharedField, SharedPermit


class EasyPark:
    """EasyPark: an API key, one registration a request."""

    name = "easypark"
    capabilities = Capabilities(fields=frozenset(SharedField), legal_basis=LegalBasis.CONSENT)

    def __init__(self, access: ProviderSettings, *, zone: ZoneInfo, connections: int) -> None:
        """Prepare without connecting; validities travel as civil days, so the zone is not needed."""
        self._client = ProviderClient(
            self.name,
            access.url,
            wire.headers(access.key.get_secret_value()),
            connections=connections,
            refusal=wire.failure,
        )

    async def put(self, permit: SharedPermit) -> None:
        """Register, or overwrite the registration of the same reference."""
        body = wire.registration(self.name, permit)
        answer = await self._client.exchange("PUT", wire.path(permit.reference), body)
        if not wire.registered(answer.data, permit.reference):
            raise self._client.unreadable(answer)

    async def remove(self, reference: UUID) -> None:
        """Cancel the registration; a reference that they do not know is success."""
        answer = await self._client.exchange("DELETE", wire.path(reference), accept={404})
        if answer.status != 204 and not wire.unknown(answer.data):
            raise self._client.unreadable(answer)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
