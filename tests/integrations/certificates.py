"""Certificates for tests: an authority, and what it has signed, as files and as contexts."""

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

PAST = datetime.now(UTC) - timedelta(days=1)


class Authority:
    """An authority of its own, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._made = trustme.CA()
        self._folder = folder
        self.file = folder / f"authority-{id(self)}.pem"
        self._made.cert_pem.write_to_path(self.file)

    def server(self, *names: str, expired: bool = False, clients: "Authority | None" = None) -> ssl.SSLContext:
        """Return the context of a server, which wants to see a certificate signed by `clients`, if given."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        names = names or ("localhost", "127.0.0.1")
        self._made.issue_cert(*names, not_after=PAST if expired else None).configure_cert(context)
        if clients is not None:
            context.load_verify_locations(clients.file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self, name: str, *, expired: bool = False) -> bytes:
        """Return a certificate and its key for a client."""
        made = self._made.issue_cert(name, common_name=name, not_after=PAST if expired else None)
        return made.private_key_and_cert_chain_pem.bytes()


def replace(file: Path, content: bytes) -> None:
    """Replace a file at once, as whoever renews certificates does."""
    new = file.with_suffix(".new")
    new.write_bytes(content)
    os.replace(new, file)  # noqa: PTH105 - says what it does


def remove(file: Path) -> None:
    """Take a file away."""
    file.unlink()


def shown(transport: ssl.SSLObject | None) -> str:
    """Return the name in the certificate that the other side has shown."""
    peer = transport.getpeercert() if transport is not None else None
    subject = dict(part[0] for part in (peer or {}).get("subject", ()))  # type: ignore[misc]
    return subject.get("commonName", "")


@contextmanager
def alerting(context: ssl.SSLContext) -> Iterator[int]:
    """Serve TLS that tells in an alert why it does not like a certificate; asyncio's own just hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_shake_hands, args=(listener, context))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with suppress(OSError), context.wrap_socket(connection, True, do_handshake_on_connect=False) as secure:
            try:
                secure.do_handshake()
            except ssl.SSLError:
                secure.shutdown(socket.SHUT_WR)
                while secure.recv(4096):  # closed with something unread, the alert could be lost
                    pass
