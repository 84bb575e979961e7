"""How a provider's server reads requests and answers them; what it holds is the server's business."""

import json
from abc import ABC, abstractmethod
from collections.abc import Container
from typing import ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.sandbox.records import Answer, Change, Flaw, Record, RefusedError, Sent

NOWHERE = Answer(404, b"no such resource")  # not in the provider's words: a wrong path is not an unknown reference


class Dialect(ABC):
    """A contract with one resource a reference: PUT sets it, DELETE takes it away."""

    resource: ClassVar[str]  # the path up to the reference

    def __init__(self, key: str, zone: ZoneInfo) -> None:
        """Serve whoever shows the key; `zone` is the city's."""
        self.key = key
        self.zone = zone

    def answer(self, sent: Sent, held: Container[UUID]) -> tuple[Answer, Change | None]:
        """Return the answer to a request, and what it changes."""
        if not self.authorised(sent):
            return self.unauthorised(), None
        if not sent.path.startswith(self.resource):
            return NOWHERE, None
        if sent.method not in {"PUT", "DELETE"}:
            return Answer(405, b"method not allowed"), None
        try:
            reference = _reference(sent.path.removeprefix(self.resource))
            if sent.method == "DELETE":
                if sent.body:
                    raise RefusedError(Flaw.UNKNOWN_FIELD)
                if reference not in held:
                    return self.unknown(), None
                return self.removed(reference), Change(reference, None)
            record = self.read(reference, _document(sent))
        except RefusedError as refused:
            return self.refused(refused.flaw), None
        return self.stored(reference), Change(reference, record)

    @abstractmethod
    def authorised(self, sent: Sent) -> bool:
        """Tell whether the request shows the key, in the contract's header."""

    @abstractmethod
    def read(self, reference: UUID, document: object) -> Record:
        """Return what a PUT's document says, or raise RefusedError."""

    @abstractmethod
    def stored(self, reference: UUID) -> Answer:
        """Answer a PUT that is carried out."""

    @abstractmethod
    def removed(self, reference: UUID) -> Answer:
        """Answer a DELETE that is carried out."""

    @abstractmethod
    def unknown(self) -> Answer:
        """Answer a DELETE of a reference that is not held."""

    @abstractmethod
    def unauthorised(self) -> Answer:
        """Answer a request without the key."""

    @abstractmethod
    def refused(self, flaw: Flaw) -> Answer:
        """Refuse a request in the contract's words."""


def _reference(value: str) -> UUID:
    try:
        reference = UUID(value)
    except ValueError:
        raise RefusedError(Flaw.REFERENCE) from None
    if str(reference) != value:
        raise RefusedError(Flaw.REFERENCE)
    return reference


def _document(sent: Sent) -> object:
    if sent.headers.get("Content-Type") != "application/json":
        raise RefusedError(Flaw.NOT_JSON)
    try:
        return json.loads(sent.body)
    except (ValueError, RecursionError):
        raise RefusedError(Flaw.NOT_JSON) from None
