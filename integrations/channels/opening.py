"""How a connection to a mail server is opened: connected, encrypted and signed in, and what can go wrong with it."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectResponseError,
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from integrations.channels.answers import CHANNEL, CLOSING, Code
from integrations.channels.base import UnavailableError
from integrations.channels.settings import PORTS, EmailSettings, Security

_NAMED: Mapping[type[Exception], Code] = MappingProxyType(  # the first that fits
    {
        SMTPAuthenticationError: Code.UNAUTHORISED,
        SMTPConnectResponseError: Code.NOT_GREETED,
        SMTPHeloError: Code.NOT_GREETED,
        SMTPResponseException: Code.ANSWER_UNKNOWN,
        TimeoutError: Code.TIMED_OUT,
        SMTPServerDisconnected: Code.CONNECTION_LOST,
        ConnectionResetError: Code.CONNECTION_LOST,
        BrokenPipeError: Code.CONNECTION_LOST,
    }
)


@dataclass(frozen=True, slots=True)
class Patience:
    """For how many seconds a server is waited for; the deadline of a letter bounds all of it together."""

    open: float = 8.0  # until letters can be handed over: some greet strangers after six
    answer: float = 5.0  # to a command
    taken: float = 30.0  # after the whole message: it may be looked through first


async def connect(access: EmailSettings, patience: Patience) -> SMTP:
    """Connect, encrypt and sign in.

    Raises:
        UnavailableError: something of it was not possible.
    """
    try:
        trust = _trust(access.authority)
    except OSError:
        trust = None
    if trust is None:
        raise UnavailableError(CHANNEL, Code.AUTHORITY_UNREADABLE)
    client = SMTP(
        hostname=access.host,
        port=access.port or PORTS[access.security],
        timeout=patience.open,
        use_tls=access.security is Security.TLS,
        start_tls=False,  # by ourselves: the library takes a refusal and a missing offer for the same
        local_hostname=access.sender.domain,  # this machine's own name is nobody's business, and often not a full one
        tls_context=trust,
    )
    try:
        async with asyncio.timeout(patience.open):
            await _get_ready(client, access)
    except (SMTPException, OSError) as error:
        failure = UnavailableError(CHANNEL, code(error), status=status(error))
    except UnavailableError as error:
        failure = error
    except BaseException:
        drop(client)
        raise
    else:
        return client
    drop(client)
    raise failure


def drop(client: SMTP) -> None:
    """Close at once, whatever is under way."""
    transport = client.transport
    client.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()  # closed in TLS's own way, it would wait for the other side


def status(error: Exception) -> int | None:
    """Return the status of an answer that the library took for an error; it has -1 for one that is no status."""
    return error.code if isinstance(error, SMTPResponseException) and error.code > 0 else None


def code(error: Exception) -> Code:
    """Name what went wrong, without what was said."""
    origin = error.__cause__ or error
    if status(error) == CLOSING:
        return Code.UNAVAILABLE
    if isinstance(origin, ssl.SSLCertVerificationError):
        return Code.CERTIFICATE_WRONG
    if isinstance(origin, ssl.SSLError):
        return Code.TLS_FAILED
    for kind, named in _NAMED.items():
        if isinstance(error, kind):
            return named
    return Code.NOT_CONNECTED


async def _get_ready(client: SMTP, access: EmailSettings) -> None:
    await client.connect()
    await client.ehlo()
    if access.security is Security.STARTTLS:
        if not client.supports_extension("starttls"):
            raise UnavailableError(CHANNEL, Code.STARTTLS_NOT_OFFERED)
        await client.starttls()
        await client.ehlo()
    if access.user is not None and access.password is not None:
        await _sign_in(client, access.user, access.password.get_secret_value())


async def _sign_in(client: SMTP, user: str, password: str) -> None:
    """Sign in once: tried in each way that is offered, a wrong password would soon lock the account."""
    offered = client.server_auth_methods
    if "plain" in offered:
        await client.auth_plain(user, password)
    elif "login" in offered:
        await client.auth_login(user, password)
    elif "cram-md5" in offered:
        await client.auth_crammd5(user, password)
    else:
        raise UnavailableError(CHANNEL, Code.SIGN_IN_NOT_OFFERED)


def _trust(authority: Path | None) -> ssl.SSLContext:
    """Return whom to trust; a file is read for each connection, so that it may be replaced at any time."""
    return _system() if authority is None else ssl.create_default_context(cafile=authority)


@cache
def _system() -> ssl.SSLContext:
    """Load the system's authorities once; it takes longer than to send a letter."""
    return ssl.create_default_context()
