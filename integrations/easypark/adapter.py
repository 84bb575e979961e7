"""The adapter of EasyPark."""

from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.base import Capabilities, Change, LegalBasis, Page
from integrations.easypark import wire
from integrations.http import ProviderClient, Response
from integrations.settings import Key, ProviderSettings
from schemas.shared import SharedField, SharedPermit


class Access(ProviderSettings):
    """Our key at EasyPark."""

    key: Key


class EasyPark:
    """EasyPark: an API key, and one parking right for each permit, under our reference."""

    name = "easypark"
    settings = Access
    capabilities = Capabilities(fields=frozenset(SharedField), legal_basis=LegalBasis.CONSENT, lists=True)

    def __init__(self, access: Access, *, zone: ZoneInfo, connections: int) -> None:
        """Prepare without connecting; days begin and end in `zone`."""
        headers = wire.headers(access.key.get_secret_value())
        self._client = ProviderClient(self.name, access, headers, connections=connections, refusal=wire.failure)
        self._zone = zone

    async def send(self, change: Change) -> None:
        """Register the right or extend (replace) it; or cancel it, which succeeds if they have none.

        A first version is registered, a later one extends. Each falls back on the other, once: if both fail, another
        request is changing the right at the same time.
        """
        permit = change.permit
        if permit is None:
            await self._cancel(change.reference)
            return
        right = wire.right(self.name, permit, self._zone)
        first, second = (self._register, self._extend) if change.version == 1 else (self._extend, self._register)
        if await first(permit, right) is None:
            return
        contrary = await second(permit, right)
        if contrary is not None:
            raise self._client.unreadable(contrary)

    async def page(self, cursor: str | None) -> Page:
        """List the rights of our key, by reference."""
        answer = await self._client.exchange("GET", wire.page(cursor))
        listed = wire.listed(answer.data)
        if listed is None or (listed.after is not None and listed.after == cursor):
            raise self._client.unreadable(answer)
        copies = [found for right in listed.rights if (found := wire.copy(right, self._zone)) is not None]
        return Page(copies, listed.after, foreign=len(listed.rights) - len(copies))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _register(self, permit: SharedPermit, right: wire.Document) -> Response | None:
        """Register the right; return the answer if they have another right under its reference."""
        answer = await self._client.exchange("POST", wire.REGISTER, right, accept={409})
        found = wire.copy(answer.data, self._zone)
        if found is not None and wire.agrees(found, permit):
            return None
        if answer.status == 409 and found is not None and found.reference == permit.reference:
            return answer
        raise self._client.unreadable(answer)

    async def _extend(self, permit: SharedPermit, right: wire.Document) -> Response | None:
        """Replace the right; return the answer if they have none."""
        answer = await self._client.exchange("PUT", wire.extend(permit.reference), right, accept={404})
        if answer.status == 404 and wire.absent(answer.data):
            return answer
        if answer.status != 204:
            raise self._client.unreadable(answer)
        return None

    async def _cancel(self, reference: UUID) -> None:
        answer = await self._client.exchange("DELETE", wire.cancel(reference), accept={404})
        if answer.status != 204 and not (answer.status == 404 and wire.absent(answer.data)):
            raise self._client.unreadable(answer)
