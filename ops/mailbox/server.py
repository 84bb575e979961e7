"""The mail server: encrypted and with a password, it takes every message and delivers none."""

import asyncio
import hmac
import logging
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from ops.mailbox.access import USER, Access
from ops.mailbox.store import Store

LARGEST_BYTES = 10_000_000
MOST_RECIPIENTS = 100
IDLE_SECONDS = 60.0

log = logging.getLogger(__name__)


class Keeper:
    """The handler of logins and messages."""

    def __init__(self, access: Access, store: Store, writer: ThreadPoolExecutor) -> None:
        """Accept the access's password; write one message at a time, in a thread."""
        self._known = (USER.encode(), access.password.encode())
        self._store, self._writer = store, writer

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        """Compare a name and password with the right ones."""
        known = [hmac.compare_digest(one, other) for one, other in zip(given, self._known, strict=True)]
        return AuthResult(success=all(known), handled=False)

    async def handle_RCPT(  # noqa: N802 (the library finds its hooks by such names)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take any recipient."""
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Confirm a message once it is on disk."""
        assert isinstance(envelope.content, bytes)
        written = (envelope.mail_from or "", envelope.rcpt_tos, envelope.content)
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._store.keep, *written)
        except OSError as error:
            log.error("a message could not be kept: %s", error.strerror)
            return "451 4.3.0 It could not be kept"
        return "250 2.0.0 Kept"

    async def handle_exception(self, error: Exception) -> str:
        """Log the class of a session's failure; its text may quote the message."""
        log.error("a session failed: %s", type(error).__name__)
        return "451 4.3.0 It failed"


@asynccontextmanager
async def listening(access: Access, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve a port, and yield the address; 0 takes a free one.

    Raises:
        OSError: it cannot be listened on, or the messages cannot be kept.
    """
    logging.getLogger("mail.log").disabled = True  # the library's log, which writes addresses
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_tell_kind)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(access.server_certificate)
    with ThreadPoolExecutor(max_workers=1) as writer:
        keeper = Keeper(access, Store(access.messages, create=True), writer)

        def session() -> SMTP:
            return SMTP(
                keeper,
                hostname="localhost",
                ident="permit-hub mailbox",
                data_size_limit=LARGEST_BYTES,
                enable_SMTPUTF8=True,
                tls_context=context,
                require_starttls=True,
                auth_required=True,
                authenticator=keeper.authenticate,
                timeout=IDLE_SECONDS,
                loop=loop,
            )

        server = await loop.create_server(session, host, port)
        try:
            yield f"{host}:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()  # open connections are cut when the loop ends


async def serve(access: Access, ready: Callable[[str], None], *, host: str, port: int) -> None:
    """Serve a port until the process is asked to end; `ready` is called with the address.

    Raises:
        OSError: it cannot be listened on, or the messages cannot be kept.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with listening(access, host=host, port=port) as address:
        ready(address)
        await stop.wait()


def _tell_kind(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log only the class of the error that ended a connection's task."""
    error = context.get("exception")
    if not isinstance(error, ConnectionError):  # a client that hangs up is no failure
        log.error("a connection failed: %s", type(error).__name__)
