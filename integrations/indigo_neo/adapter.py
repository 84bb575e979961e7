"""The adapter of Indigo Neo."""

from zoneinfo import ZoneInfo

from integrations.base import Capabilities, Change, LegalBasis, Page
from integrations.errors import StaleError
from integrations.http import ProviderClient, Response
from integrations.indigo_neo import wire
from integrations.settings import Key, ProviderSettings
from schemas.shared import Copy, SharedField


class Access(ProviderSettings):
    """Our access token at Indigo Neo."""

    key: Key


class IndigoNeo:
    """Indigo Neo: an access token, and one assigned right for each permit, with a version that we count."""

    name = "indigo_neo"
    settings = Access
    capabilities = Capabilities(fields=frozenset(SharedField), legal_basis=LegalBasis.CONSENT, lists=True, fences=True)

    def __init__(self, access: Access, *, zone: ZoneInfo, connections: int) -> None:
        """Prepare without connecting; days begin and end in `zone`."""
        headers = wire.headers(access.key.get_secret_value())
        self._client = ProviderClient(self.name, access, headers, connections=connections, refusal=wire.failure)
        self._zone = zone

    async def send(self, change: Change) -> None:
        """Create a right with this version, update it to this version, or delete it with this version.

        Raises:
            StaleError: they have another version, nearly always a later one.
        """
        if change.permit is None:
            await self._delete(change)
            return
        right = wire.assigned_right(self.name, change.permit, change.version, self._zone)
        # A first version has nothing to update; a later one nearly always has.
        if change.version > 1 and await self._update(change, right):
            return
        await self._create(change, right)

    async def page(self, cursor: str | None) -> Page:
        """List the rights that existed at the first page's request, with their current content."""
        place = _place(cursor)
        answer = await self._client.exchange("GET", wire.page(place))
        listed = wire.listed(answer.data)
        if listed is None or listed.place != (place or wire.Place(0, listed.place.instant)):
            raise self._client.unreadable(answer)
        read = [wire.copy(right, self._zone) for right in listed.rights]
        copies = [found for found in read if found is not None]
        if place is not None:
            copies = await self._updated(copies, place)
        return Page(copies, _cursor(listed.following), foreign=read.count(None))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _create(self, change: Change, right: wire.Document) -> None:
        answer = await self._client.exchange("POST", wire.RIGHTS, right, accept={409})
        if answer.status == 409:
            await self._resolve_conflict(change, answer)
        elif not wire.done(answer.data):
            raise self._client.unreadable(answer)

    async def _update(self, change: Change, right: wire.Document) -> bool:
        """Update a right; return False if they have none."""
        answer = await self._client.exchange("PUT", wire.right(change.reference), right, accept={404, 409})
        if answer.status == 404 and wire.absent(answer.data):
            return False
        if answer.status == 409:
            await self._resolve_conflict(change, answer)
        elif not wire.done(answer.data):
            raise self._client.unreadable(answer)
        return True

    async def _delete(self, change: Change) -> None:
        path = wire.deletion(change.reference, change.version)
        answer = await self._client.exchange("DELETE", path, accept={404, 409})
        if answer.status == 409:
            await self._resolve_conflict(change, answer)
        elif not (wire.absent(answer.data) if answer.status == 404 else wire.done(answer.data)):
            raise self._client.unreadable(answer)

    async def _resolve_conflict(self, change: Change, answer: Response) -> None:
        """Read the right after a refused version; return normally if the change is already done.

        It is if they have just this version of it (its answer was lost), or if a right to be removed is deleted.

        Raises:
            StaleError: they have another version.
        """
        if not wire.refused(answer.data):
            raise self._client.unreadable(answer)
        answer = await self._client.exchange("GET", wire.right_in_full(change.reference), accept={404})
        if answer.status == 404:
            if not wire.absent(answer.data):
                raise self._client.unreadable(answer)
            if change.permit is None:
                return
            # Deleted by a later version, which they do not tell: counting on by one passes it in the end.
            raise StaleError(self.name, change.version, status=409)
        theirs = wire.version(answer.data, change.reference)
        if theirs is None:
            raise self._client.unreadable(answer)
        same = change.permit is not None and wire.agrees(wire.copy(answer.data, self._zone), change.permit)
        if not (same and theirs == change.version):
            raise StaleError(self.name, theirs, status=409)

    async def _updated(self, copies: list[Copy], listed: wire.Place) -> list[Copy]:
        """Update copies to their current content: an outdated copy would count as a difference.

        Only the first page of changes is read. Beyond it a copy may be outdated; the hub then sends once in vain.
        """
        answer = await self._client.exchange("GET", wire.changes(listed.instant))
        changed = wire.listed(answer.data)
        if changed is None:
            raise self._client.unreadable(answer)
        read = [wire.copy(right, self._zone) for right in changed.rights]
        newer = {found.reference: found for found in read if found is not None}
        gone = set(changed.deleted) - {str(reference) for reference in newer}
        return [newer.get(old.reference, old) for old in copies if str(old.reference) not in gone]


def _cursor(place: wire.Place | None) -> str | None:
    return None if place is None else f"{place.offset}.{place.instant}"


def _place(cursor: str | None) -> wire.Place | None:
    if cursor is None:
        return None
    offset, _, instant = cursor.partition(".")
    return wire.Place(int(offset), int(instant))
