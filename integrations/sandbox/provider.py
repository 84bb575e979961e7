"""The base of every provider's server: it reads requests, answers them and holds copies."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar
from zoneinfo import ZoneInfo

from integrations.sandbox.misbehaviour import Kind
from integrations.sandbox.records import Answer, Record, Reply, Sent


class Provider(ABC):
    """One provider, by its contract; its class is named `Server`, and its module after the provider.

    `held` has the copies as common records, by reference; the control shows them.
    """

    secrets: ClassVar[tuple[str, ...]]  # the settings to generate, such as `key`
    settings: ClassVar[Mapping[str, str]] = MappingProxyType({})  # further settings of the hub, with their values
    tls: ClassVar[bool] = False  # reached only by HTTPS with a trusted client certificate
    kinds: ClassVar[frozenset[Kind]] = frozenset()  # the provider-specific misbehaviours that it has

    def __init__(self, secrets: Mapping[str, str], zone: ZoneInfo) -> None:
        """Serve clients with the secrets; `zone` is the city's."""
        self._secrets = secrets
        self._zone = zone
        self.held: dict[str, Record] = {}

    @abstractmethod
    def answer(self, sent: Sent) -> Reply:
        """Answer a request.

        This changes no copy: the reply's effect does so, when it runs. Only what the real provider does on receipt,
        such as granting a token, happens here.
        """

    def misbehave(self, kind: Kind, reply: Reply, delay_ms: float | None) -> Reply:
        """Return the reply changed by one of `kinds`; `delay_ms` is the order's."""
        if kind is Kind.PARTIAL_BATCH:
            return reply._replace(answer=Answer(500, b"internal error"), rows=reply.rows[: len(reply.rows) // 2])
        raise NotImplementedError(kind)

    def hold(self, reference: str, record: Record) -> None:
        """Add a copy, as the control asks."""
        self.held[reference] = record

    def drop(self, reference: str) -> None:
        """Drop a copy, as the control asks."""
        self.held.pop(reference, None)

    def reset(self) -> None:
        """Drop all copies."""
        self.held.clear()
