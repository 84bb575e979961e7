"""What we ask PayByPhone."""

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
    """The client that PayByPhone has made for us."""

    client_id: ClientId
    client_secret: Key


class PayByPhone:
    """PayByPhone: a token, and one eligibility for each permit, which a workflow of theirs puts or deletes later."""

    name = "paybyphone"
    settings = Access
    capabilities = Capabilities(fields=frozenset(SharedField), legal_basis=LegalBasis.CONSENT, acknowledges_later=True)

    def __init__(self, access: Access, *, zone: ZoneInfo, connections: int) -> None:
        """Prepare without connecting; validities travel as civil days, so the zone is not needed."""
        self._client = ProviderClient(
            self.name,
            access,
            wire.HEADERS,
            connections=connections,
            refusal=wire.failure,
            authorisation=ClientCredentials(self.name, access, wire.TOKEN, access.client_id, access.client_secret),
        )

    async def send(self, change: Change) -> Operation | None:
        """Put the eligibility, or delete it: one that they do not have is success.

        Returns the workflow to ask about.
        """
        path = wire.eligibility_path(change.reference)
        if change.permit is None:
            answer = await self._client.exchange("DELETE", path, accept={404})
            if answer.status == 404 and wire.no_eligibility(answer.data):
                return None
        else:  # a 404 is no refusal: a put creates, so the address must be wrong
            answer = await self._client.exchange("PUT", path, wire.eligibility(self.name, change.permit), accept={404})
        workflow = wire.workflow(answer.location)
        if answer.status != 202 or workflow is None:
            raise self._client.unreadable(answer)
        return Operation(workflow)

    async def ask(self, operation: Operation) -> bool:
        """Tell whether a workflow has been carried out.

        Raises:
            RejectedError: it has failed, and would again.
            LostError: they do not know it, or have failed themselves.
            ProviderError: it cannot be told now.
        """
        # A question that is refused says nothing of the workflow, which may be carried out all the same.
        answer = await self._client.exchange("GET", wire.workflow_path(operation), accept=REFUSED_QUESTION)
        if answer.status == 404 and wire.no_workflow(answer.data):
            raise LostError(self.name, status=answer.status)
        match wire.status(answer.data) if answer.status == 200 else None:
            case wire.Status.PENDING:
                return False
            case wire.Status.COMPLETED:
                return True
            case wire.Status.FAILED if wire.failed_by_themselves(answer.data):
                raise LostError(self.name, status=answer.status)  # it is over, and is to be sent again
            case wire.Status.FAILED:
                raise RejectedError(self.name, wire.failure(answer.data), status=answer.status)
            case _:
                raise self._client.unreadable(answer)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
