"""A few reused connections: opened when needed, closed when idle, used up or broken."""

import asyncio

from integrations.channels.answers import CHANNEL, CLOSING, Code
from integrations.channels.base import (
    ChannelError,
    LaterError,
    NoticeRefusedError,
    NoticeUnclearError,
    UnavailableError,
)
from integrations.channels.message import Letter
from integrations.channels.opening import Patience
from integrations.channels.settings import EmailSettings
from integrations.channels.smtp import Connection

IDLE_SECONDS = 10.0  # shorter than the servers', which could otherwise close during a letter
LETTERS_EACH = 100  # on one connection: a common limit of servers; new connections also spread the load


class Pool:
    """Sends letters, one at a time on each connection."""

    def __init__(self, access: EmailSettings, patience: Patience) -> None:
        """Prepare without connecting."""
        self._access = access
        self._patience = patience
        self._free = asyncio.Semaphore(access.connections)
        self._idle: list[Connection] = []  # the last used one is at the end, and is used next

    async def hand_over(self, letter: Letter, deadline: float) -> None:
        """Hand over a letter; if an idle connection turns out to be broken, once more on a new one.

        Raises:
            ChannelError: the letter was not, or may not have been, accepted.
        """
        used: list[Connection] = []
        try:
            async with asyncio.timeout_at(deadline), self._free:
                await self._hand_over(letter, used)
        except TimeoutError:
            begun = bool(used) and used[-1].message_begun
            passed = (NoticeUnclearError if begun else LaterError)(CHANNEL, Code.TIMED_OUT)
        else:
            return
        raise passed

    async def _hand_over(self, letter: Letter, used: list[Connection]) -> None:
        idle = await self._take_idle()
        if idle is not None:
            used.append(idle)
            try:
                await self._use(idle, letter)
            except ChannelError as error:
                if idle.data_begun or not _is_about_the_connection(error):
                    raise
            else:
                return
        used.append(await Connection.open(self._access, self._patience))
        await self._use(used[-1], letter)

    async def aclose(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().quit()
        await asyncio.sleep(0)  # let them close before the loop ends

    async def _use(self, connection: Connection, letter: Letter) -> None:
        try:
            await connection.hand_over(self._access.sender.address, letter)
        except ChannelError as error:
            if connection.usable and not _is_about_the_connection(error):
                self._keep(connection)
            else:
                connection.drop()
            raise
        except BaseException:
            connection.drop()  # its next reply may belong to this letter
            raise
        self._keep(connection)

    def _keep(self, connection: Connection) -> None:
        connection.used_at = asyncio.get_running_loop().time()
        self._idle.append(connection)

    async def _take_idle(self) -> Connection | None:
        """Return a usable idle connection, or None; close the others."""
        fresh = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.used_at > fresh and connection.letters < LETTERS_EACH:
                return connection
            await connection.quit()
        return None


def _is_about_the_connection(error: ChannelError) -> bool:
    """Return whether a new connection may succeed: the error is not about the letter or its recipient."""
    if isinstance(error, UnavailableError) or error.status == CLOSING:
        return True
    return error.status is None and not isinstance(error, NoticeRefusedError)
