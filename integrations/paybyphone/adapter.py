"""The adapter of PayByPhone."""

from zoneinfo import ZoneInfo

from integrations.base import Capabilities, Change, LegalBasis, Operation
from integrations.errors import LostError, RejectedError
from integrations.http import ProviderClient
from integrations.oauth import ClientCredentials
from integrations.paybyphone import wire
from integrations.settings import ClientId, Key, ProviderSettings
from schemas.shared import SharedField

REFUSED_QUESTION = range(400, 500)


class Access(ProviderSettings):
    """Our client id and secret at PayByPhone."""

    client_id: ClientId
    client_secret: Key


class PayByPhone:
    """PayByPhone: a token, and one eligibility for each permit; a workflow of theirs puts or deletes it later."""

    name = "paybyphone"
    settings = Access
    capabilities = Capabilities(fields=frozenset(SharedField), legal_basis=LegalBasis.CONSENT, acknowledges_later=True)

    def __init__(self, access: Access, *, zone: ZoneInfo, connections: int) -> None:
        """Prepare without connecting; validities are sent as civil days, so the zone is not used."""
        self._client = ProviderClient(
            self.name,
            access,
            wire.HEADERS,
            connections=connections,
            refusal=wire.failure,
            authorisation=ClientCredentials(self.name, access, wire.TOKEN, access.client_id, access.client_secret),
        )

    async def send(self, change: Change) -> Operation | None:
        """Put the eligibility; or delete it, which succeeds if they have none.

        Returns the workflow to ask about; None if there was nothing to delete.
        """
        path = wire.eligibility_path(change.reference)
        if change.permit is None:
            answer = await self._client.exchange("DELETE", path, accept={404})
            if answer.status == 404 and wire.no_eligibility(answer.data):
                return None
        else:  # a put creates, so a 404 means a wrong URL and is no refusal
            answer = await self._client.exchange("PUT", path, wire.eligibility(self.name, change.permit), accept={404})
        workflow = wire.workflow(answer.location)
        if answer.status != 202 or workflow is None:
            raise self._client.unreadable(answer)
        return Operation(workflow)

    async def ask(self, operation: Operation) -> bool:
        """Return whether a workflow has been carried out.

        Raises:
            RejectedError: the workflow has failed, and would fail again.
            LostError: they do not know the workflow, or it failed by their fault.
            ProviderError: the question failed.
        """
        # A refused question says nothing about the workflow, which may still be carried out.
        answer = await self._client.exchange("GET", wire.workflow_path(operation), accept=REFUSED_QUESTION)
        if answer.status == 404 and wire.no_workflow(answer.data):
            raise LostError(self.name, status=answer.status)
        match wire.status(answer.data) if answer.status == 200 else None:
            case wire.Status.PENDING:
                return False
            case wire.Status.COMPLETED:
                return True
            case wire.Status.FAILED if wire.failed_by_themselves(answer.data):
                raise LostError(self.name, status=answer.status)  # it has ended; the change is sent again
            case wire.Status.FAILED:
                raise RejectedError(self.name, wire.failure(answer.data), status=answer.status)
            case _:
                raise self._client.unreadable(answer)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
