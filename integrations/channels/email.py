"""E-mail over SMTP."""

from dataclasses import replace
from datetime import UTC, datetime

from integrations.base import Limit
from integrations.channels.answers import CHANNEL, Code
from integrations.channels.base import AddressRefusedError, ChannelError, LaterError, Notice
from integrations.channels.message import Letter, compose
from integrations.channels.opening import Patience
from integrations.channels.pool import Pool
from integrations.channels.settings import EmailSettings

PATIENCE = Patience()
NOBODY = "nobody@example.org"


class Email:
    """Hands reminders to a mail server, which delivers them."""

    name = CHANNEL
    settings = EmailSettings

    def __init__(self, access: EmailSettings, patience: Patience = PATIENCE) -> None:
        """Prepare without connecting."""
        self.at_once = access.connections
        self.limits: tuple[Limit, ...] = access.limits or ()
        self._access = access
        self._pool = Pool(access, patience)

    async def send(self, notice: Notice, deadline: float) -> None:
        """Hand a notice to the mail server before a moment in the event loop's time.

        Raises:
            ChannelError: it was not, or perhaps not, taken.
        """
        letter = self._written(notice, datetime.now(UTC))
        await self._pool.hand_over(letter, deadline)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    def _written(self, notice: Notice, now: datetime) -> Letter:
        """Write a notice out.

        Raises:
            AddressRefusedError: something of the resident's cannot be written, now or ever.
            LaterError: a mistake of ours, which may be mended before it no longer matters.
        """
        try:
            return compose(notice, self._access, now)
        except ChannelError:
            raise
        except Exception:  # noqa: S110 - its words may be the resident's
            pass
        try:  # where a message to nobody can be written, something of the resident's is at fault
            compose(replace(notice, name="", address=NOBODY, plate=""), self._access, now)
        except Exception as error:
            raise LaterError(CHANNEL, Code.NOT_WRITTEN) from error
        raise AddressRefusedError(CHANNEL, Code.NOT_WRITABLE)
