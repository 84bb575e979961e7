"""The hub as this app uses it: one client for the process, and patience that suits somebody who waits."""

import logging
from datetime import datetime
from functools import cache

from permit_hub_client import Card, Catalogue, Hub, HubError, PlateRead, Receipt, Space

from personal_space.settings import settings

log = logging.getLogger("personal_space")

WAIT_SECONDS = 4.0  # longer, and the resident is told that nothing was confirmed
IO_SECONDS = 1.0  # for one exchange with Redis; a Redis that is unavailable is known to be after about five of them
SOURCE = "personal-space"


class UnknownPermitError(Exception):
    """The resident has no such permit."""


@cache
def hub() -> Hub:
    """Return the client; it connects when first used."""
    configured = settings()
    return Hub(
        configured.redis_url.get_secret_value(),
        source=SOURCE,
        prefix=configured.redis_prefix,
        io_seconds=IO_SECONDS,
        authority=configured.redis_authority,
    )


def today() -> str:
    """Return the civil day in the city."""
    return datetime.now(settings().zone).date().isoformat()


async def space_of(resident_id: str) -> Space | None:
    """Read a resident's space; None for one who has none yet.

    Raises:
        HubError: it cannot be had at the moment.
    """
    return await hub().aio.space(resident_id, wait=WAIT_SECONDS)


_last_known: list[Catalogue] = []


async def catalogue() -> Catalogue:
    """Read what permits cost and who may receive data; the last that was read where the hub is unavailable.

    Raises:
        HubError: it was never read, and cannot be had at the moment.
    """
    try:
        _last_known[:] = [await hub().aio.catalogue(wait=WAIT_SECONDS)]
    except HubError:
        if not _last_known:
            raise
    return _last_known[0]


async def plate(raw: str, country: str) -> PlateRead | None:
    """Read a plate as it will be known; None for one that the hub would refuse.

    Raises:
        HubError: it cannot be had at the moment.
    """
    return await hub().aio.plate(raw, country, wait=WAIT_SECONDS)


async def card_of(resident_id: str, permit_id: str) -> tuple[Space, Card]:
    """Read a resident's space, and one card of it.

    Raises:
        UnknownPermitError: it is none of theirs.
        HubError: it cannot be had at the moment.
    """
    space = await space_of(resident_id)
    for card in space["cards"] if space else ():
        if card["permit_id"] == permit_id:
            assert space is not None
            return space, card
    raise UnknownPermitError


async def submit(kind: str, **fields: object) -> Receipt | None:
    """Send a job; return its receipt, or None where the hub has not confirmed it: it may be sent again."""
    try:
        return await hub().aio.submit(kind, wait=WAIT_SECONDS, **fields)
    except HubError as error:
        note(error)
        return None


def note(error: Exception) -> None:
    """Leave a trace of a hub that did not answer, for whoever operates the app; its words show nothing of a job."""
    log.warning("hub.away %s: %s", type(error).__name__, error)
