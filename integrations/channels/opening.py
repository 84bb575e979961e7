"""Open a connection to a mail server: connect, encrypt and sign in."""

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

_NAMED: Mapping[type[Exception], Code] = MappingProxyType(  # the first match counts
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
    """The time-outs in seconds; the deadline of a letter bounds all of them together."""

    open: float = 8.0  # connecting, encrypting and signing in: some servers delay their greeting by six
    answer: float = 5.0  # to a command
    taken: float = 30.0  # after the whole message: the server may scan it first


async def connect(access: EmailSettings, patience: Patience) -> SMTP:
    """Connect, encrypt and sign in.

    Raises:
        UnavailableError: one of these steps failed.
    """
    try:
        trust = _tls_context(access.authority)
    except OSError:
        trust = None
    if trust is None:
        raise UnavailableError(CHANNEL, Code.AUTHORITY_UNREADABLE)
    client = SMTP(
        hostname=access.host,
        port=access.port or PORTS[access.security],
        timeout=patience.open,
        use_tls=access.security is Security.TLS,
        start_tls=False,  # done below: the library does not tell a refusal from a missing offer
        local_hostname=access.sender.domain,  # this machine's name is private, and often not a full one
        tls_context=trust,
    )
    try:
        async with asyncio.timeout(patience.open):
            await _prepare(client, access)
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
    """Close at once, even during a command."""
    transport = client.transport
    client.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()  # an orderly TLS shutdown would wait for the server


def status(error: Exception) -> int | None:
    """Return the status of the reply that the library raised; None without one (the library has -1)."""
    return error.code if isinstance(error, SMTPResponseException) and error.code > 0 else None


def code(error: Exception) -> Code:
    """Return the code for a library's error."""
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


async def _prepare(client: SMTP, access: EmailSettings) -> None:
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
    """Sign in by one method only: trying a wrong password by each could lock the account."""
    offered = client.server_auth_methods
    if "plain" in offered:
        await client.auth_plain(user, password)
    elif "login" in offered:
        await client.auth_login(user, password)
    elif "cram-md5" in offered:
        await client.auth_crammd5(user, password)
    else:
        raise UnavailableError(CHANNEL, Code.SIGN_IN_NOT_OFFERED)


def _tls_context(authority: Path | None) -> ssl.SSLContext:
    """Return the TLS context; a file is read for each connection, so that it may be replaced at any time."""
    return _system() if authority is None else ssl.create_default_context(cafile=authority)


@cache
def _system() -> ssl.SSLContext:
    """Load the system's authorities once; that takes longer than sending a letter."""
    return ssl.create_default_context()
