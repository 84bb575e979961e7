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
FICTIONAL = "someone@example.org"


class Email:
    """Hands reminders to a mail server."""

    name = CHANNEL
    settings = EmailSettings

    def __init__(self, access: EmailSettings, patience: Patience = PATIENCE) -> None:
        """Prepare without connecting."""
        self.at_once = access.connections
        self.limits: tuple[Limit, ...] = access.limits or ()
        self._access = access
        self._pool = Pool(access, patience)

    async def send(self, notice: Notice, deadline: float) -> None:
        """Hand a notice to the mail server, before a deadline in the event loop's time.

        Raises:
            ChannelError: the notice was not, or may not have been, accepted.
        """
        letter = self._composed(notice, datetime.now(UTC))
        await self._pool.hand_over(letter, deadline)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    def _composed(self, notice: Notice, now: datetime) -> Letter:
        """Compose a notice.

        Raises:
            AddressRefusedError: the resident's name, address or plate can never be encoded.
            LaterError: our own fault, which may be corrected in time.
        """
        try:
            return compose(notice, self._access, now)
        except ChannelError:
            raise
        except Exception:  # noqa: S110 - its message may have personal data
            pass
        try:  # if it works without the resident's data, the data is at fault
            compose(replace(notice, name="", address=FICTIONAL, plate=""), self._access, now)
        except Exception as error:
            raise LaterError(CHANNEL, Code.NOT_WRITTEN) from error
        raise AddressRefusedError(CHANNEL, Code.NOT_WRITABLE)
