"""What every provider's server shares: it reads requests, answers them and holds what they tell it to."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar
from zoneinfo import ZoneInfo

from integrations.sandbox.misbehaviour import Kind
from integrations.sandbox.records import Answer, Record, Reply, Sent


class Provider(ABC):
    """One provider, as its contract says; its class is named `Server` and its module after the provider.

    `held` is what the control tells: by the reference under which it was put, in words common to all.
    """

    secrets: ClassVar[tuple[str, ...]]  # the settings to invent: what a hub has to show, such as `key`
    settings: ClassVar[Mapping[str, str]] = MappingProxyType({})  # further ones that a hub needs, and their values
    tls: ClassVar[bool] = False  # reached by HTTPS alone, and by those who show a certificate that it trusts
    kinds: ClassVar[frozenset[Kind]] = frozenset()  # the misbehaviours of its own that it is capable of

    def __init__(self, secrets: Mapping[str, str], zone: ZoneInfo) -> None:
        """Serve whoever shows the secrets; `zone` is the city's."""
        self._secrets = secrets
        self._zone = zone
        self.held: dict[str, Record] = {}

    @abstractmethod
    def answer(self, sent: Sent) -> Reply:
        """Answer a request.

        It changes nothing that is held: that is for the reply's effect, which runs against what is held by then. Only
        what the real provider does on receipt, such as handing out a token, happens here.
        """

    def misbehave(self, kind: Kind, reply: Reply, delay_ms: float | None) -> Reply:
        """Return what becomes of a reply under one of `kinds`; `delay_ms` is the order's."""
        if kind is Kind.PARTIAL_BATCH:
            return reply._replace(answer=Answer(500, b"internal error"), rows=reply.rows[: len(reply.rows) // 2])
        raise NotImplementedError(kind)

    def hold(self, reference: str, record: Record) -> None:
        """Hold something that nobody asked for."""
        self.held[reference] = record

    def drop(self, reference: str) -> None:
        """Lose something without being asked to."""
        self.held.pop(reference, None)

    def reset(self) -> None:
        """Forget everything."""
        self.held.clear()
