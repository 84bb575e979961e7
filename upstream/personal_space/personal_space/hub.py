"""The app's calls to the hub: one client for the process, with time limits for a waiting resident."""

import logging
from datetime import datetime
from functools import cache

from permit_hub_client import Card, Catalogue, Hub, HubError, PlateRead, Receipt, Space

from personal_space.settings import settings

log = logging.getLogger("personal_space")

WAIT_SECONDS = 4.0  # after that the page says that nothing was confirmed
IO_SECONDS = 1.0  # for one exchange with Redis; a call to an unavailable Redis fails after about five times that
SOURCE = "personal-space"


class UnknownPermitError(Exception):
    """The resident has no such permit."""


@cache
def hub() -> Hub:
    """Return the client; it connects when first used."""
    configured = settings()
    key = configured.hub_key
    return Hub(
        configured.redis_url.get_secret_value(),
        source=SOURCE,
        key=None if key is None else key.get_secret_value(),
        prefix=configured.redis_prefix,
        io_seconds=IO_SECONDS,
        authority=configured.redis_authority,
    )


def today() -> str:
    """Return the current civil day in the city."""
    return datetime.now(settings().zone).date().isoformat()


async def space_of(resident_id: str) -> Space | None:
    """Read a resident's space; None if they have none yet.

    Raises:
        HubError: the hub gave no answer.
    """
    return await hub().aio.space(resident_id, wait=WAIT_SECONDS)


_last_known: list[Catalogue] = []


async def catalogue() -> Catalogue:
    """Read the tariffs and providers; if the hub is unavailable, return the last ones read.

    Raises:
        HubError: the hub gave no answer, and they were never read before.
    """
    try:
        _last_known[:] = [await hub().aio.catalogue(wait=WAIT_SECONDS)]
    except HubError:
        if not _last_known:
            raise
    return _last_known[0]


async def plate(raw: str, country: str) -> PlateRead | None:
    """Return a plate as the hub will show it; None for a plate that it would refuse.

    Raises:
        HubError: the hub gave no answer.
    """
    return await hub().aio.plate(raw, country, wait=WAIT_SECONDS)


async def card_of(resident_id: str, permit_id: str) -> tuple[Space, Card]:
    """Read a resident's space and one of its cards.

    Raises:
        UnknownPermitError: the resident has no such permit.
        HubError: the hub gave no answer.
    """
    space = await space_of(resident_id)
    for card in space["cards"] if space else ():
        if card["permit_id"] == permit_id:
            assert space is not None
            return space, card
    raise UnknownPermitError


async def submit(kind: str, **fields: object) -> Receipt | None:
    """Send a job and return its receipt; None if the hub did not confirm it: the job may be sent again."""
    try:
        return await hub().aio.submit(kind, wait=WAIT_SECONDS, **fields)
    except HubError as error:
        log_unavailable(error)
        return None


def log_unavailable(error: Exception) -> None:
    """Log that the hub did not answer; the client's errors show no field of a job."""
    log.warning("hub.unavailable %s: %s", type(error).__name__, error)
