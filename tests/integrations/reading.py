"""A client of the toy providers that reads the raw bytes of answers."""

import http.client
import json
import socket
import ssl
import time
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from tests.integrations.toys import Served

TOO_SHORT_SECONDS = 0.2


class Seen(NamedTuple):
    """An answer, and how long it took in seconds."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


def ask(toys: Served, method: str, path: str, body: bytes = b"") -> Seen:
    """Send a request over a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(toys.addresses.plain).netloc, timeout=10)
    try:
        begun = time.monotonic()
        connection.request(method, f"/plain{path}", body)
        answer = connection.getresponse()
        content = answer.read()
        return Seen(answer.status, dict(answer.getheaders()), content, time.monotonic() - begun)
    finally:
        connection.close()


def put(toys: Served, reference: UUID) -> Seen:
    """Put a thing under a reference."""
    return ask(toys, "PUT", f"/things/{reference}", b"{}")


def holds(toys: Served, reference: UUID) -> bool:
    """Return whether there is a thing under a reference."""
    return reference in toys.control.held("plain", reference)


def is_silent(toys: Served, reference: UUID) -> bool:
    """Put a thing and return whether no answer comes."""
    with connected(toys) as connection:
        connection.sendall(request("PUT", f"/plain/things/{reference}"))
        connection.settimeout(TOO_SHORT_SECONDS)
        try:
            connection.recv(1)
        except TimeoutError:
            return True
    return False


def batch(toys: Served, references: list[UUID]) -> Seen:
    """Put a thing under each of some references."""
    return ask(toys, "POST", "/batch", json.dumps([str(one) for one in references]).encode())


def request(method: str, path: str) -> bytes:
    """Return the bytes of a request."""
    return f"{method} {path} HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 2\r\n\r\n{{}}".encode()


def connected(toys: Served) -> socket.socket:
    """Connect without TLS."""
    address = urlsplit(toys.addresses.plain)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10)


def secured(toys: Served, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Connect with TLS."""
    address = urlsplit(toys.addresses.tls)
    plain = socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10)
    try:
        return context.wrap_socket(plain, server_hostname=address.hostname)
    except ssl.SSLError:
        plain.close()
        raise
