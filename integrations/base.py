"""The contract between the sharing engine and every provider's adapter."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from schemas.shared import SharedField, SharedPermit


class LegalBasis(StrEnum):
    """Why a provider may receive data at all."""

    CONSENT = "consent"
    PUBLIC_TASK = "public_task"  # the city's own meters and enforcement: untouched by consent


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider needs and can do; the engine asks these, never a name."""

    fields: frozenset[SharedField]
    legal_basis: LegalBasis


class Adapter(Protocol):
    """One provider. Every call is one bounded exchange; the caller sets the deadline with `asyncio.timeout_at`.

    Both calls are idempotent, return only when the provider has acknowledged, and raise a
    `integrations.errors.ProviderError` otherwise.
    """

    name: str
    capabilities: Capabilities

    async def put(self, permit: SharedPermit) -> None:
        """Make the provider hold exactly this, whether or not it held something before."""

    async def remove(self, reference: UUID) -> None:
        """Make the provider hold nothing under this reference; holding nothing already is success."""

    async def aclose(self) -> None:
        """Close the connections."""
