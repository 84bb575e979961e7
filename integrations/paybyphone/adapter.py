"""What we ask PayByPhone."""

from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.base import Capabilities, LegalBasis
from integrations.http import ProviderClient
from integrations.paybyphone import wire
from integrations.settings import ProviderSettings
from schemas.shared import SharedField, SharedPermit


class PayByPhone:
    """PayByPhone: a bearer key, one eligibility a request."""

    name = "paybyphone"
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
        """Grant the eligibility, or overwrite the one of the same reference."""
        body = wire.eligibility(self.name, permit)
        answer = await self._client.exchange("PUT", wire.path(permit.reference), body)
        if not wire.accepted(answer.data, permit.reference):
            raise self._client.unreadable(answer)

    async def remove(self, reference: UUID) -> None:
        """Withdraw the eligibility; a reference that they do not know is success."""
        answer = await self._client.exchange("DELETE", wire.path(reference), accept={404})
        gone = wire.unknown(answer.data) if answer.status == 404 else wire.accepted(answer.data, reference)
        if not gone:
            raise self._client.unreadable(answer)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
