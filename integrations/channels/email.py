"""E-mail over SMTP."""

from datetime import UTC, datetime

from integrations.base import Limit
from integrations.channels.answers import CHANNEL, Code
from integrations.channels.base import ChannelError, LaterError, Notice
from integrations.channels.message import compose
from integrations.channels.opening import Patience
from integrations.channels.pool import Pool
from integrations.channels.settings import EmailSettings

PATIENCE = Patience()


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
        try:
            letter = compose(notice, self._access, datetime.now(UTC))
        except ChannelError:
            raise
        except Exception as error:  # a mistake of ours, which may be mended before it no longer matters
            raise LaterError(CHANNEL, Code.NOT_WRITTEN) from error
        await self._pool.hand_over(letter, deadline)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()
