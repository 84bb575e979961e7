"""Two toy providers without a contract, to test the sandbox's shared parts."""

import asyncio
import json
import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Thread
from typing import ClassVar
from zoneinfo import ZoneInfo

from integrations.sandbox.access import Access, load_or_make
from integrations.sandbox.control import Control
from integrations.sandbox.listening import Addresses, listening
from integrations.sandbox.misbehaviour import Kind
from integrations.sandbox.provider import Provider
from integrations.sandbox.records import Answer, Effect, Record, Reply, Sent
from integrations.sandbox.server import Sandbox

RECORD = Record("AB123CD", "FR", ("75014",), "standard", date(2026, 1, 1), date(2026, 12, 31))


class Toy(Provider):
    """PUT and DELETE of `/things/<reference>`, POST of a list of references to `/batch`, POST to `/token`."""

    secrets: ClassVar[tuple[str, ...]] = ("key", "client_id")
    settings: ClassVar[Mapping[str, str]] = {"domain": "PAR"}
    kinds = frozenset({Kind.PARTIAL_BATCH, Kind.ROW_MISSING, Kind.LOST_OPERATION, Kind.EXPIRED_TOKEN})

    def answer(self, sent: Sent) -> Reply:
        path = sent.path.partition("?")[0]
        if path == "/token":
            return Reply(Answer(200, {"certificate": sent.certificate}))
        if path == "/page":
            return Reply(Answer(200, b"<p>page</p>", {"Content-Type": "text/html"}))
        if path == "/batch":
            references = json.loads(sent.body)
            answer = Answer(200, list(references))
            return Reply(answer, None, tuple(references), tuple(self._put(reference) for reference in references))
        reference = path.removeprefix("/things/")
        if sent.method == "GET":
            return Reply(Answer(200 if reference in self.held else 404), references=(reference,))
        if sent.method == "DELETE":
            return Reply(Answer(204), lambda: self.drop(reference), (reference,))
        return Reply(Answer(200, {"stored": reference}), self._put(reference), (reference,))

    def misbehave(self, kind: Kind, reply: Reply, delay_ms: float | None) -> Reply:
        match kind:
            case Kind.PARTIAL_BATCH:
                return super().misbehave(kind, reply, delay_ms)
            case Kind.ROW_MISSING:
                rows = reply.answer.body
                assert isinstance(rows, list)
                return reply._replace(answer=Answer(200, rows[:-1]))
            case Kind.EXPIRED_TOKEN:
                return Reply(Answer(401, {"expired": True}), references=reply.references)
            case _:
                return reply._replace(answer=Answer(202, {"operation": f"lost, {delay_ms}"}))

    def _put(self, reference: str) -> Effect:
        def put() -> None:
            self.held[reference] = RECORD

        return put


class Secured(Toy):
    """The same toy behind HTTPS."""

    tls = True


@dataclass(frozen=True)
class Served:
    """A sandbox of toys, `plain` and `secured`, in a thread of this process."""

    addresses: Addresses
    access: Access
    control: Control

    @property
    def key(self) -> str:
        return self.access.secrets["plain"]["key"]

    def client_context(self, *, certificate: bool = True) -> ssl.SSLContext:
        """Return a context that trusts the sandbox and has the client's certificate."""
        context = ssl.create_default_context(cafile=self.access.authority)
        if certificate:
            context.load_cert_chain(self.access.client_certificate)
        return context


@contextmanager
def served(folder: Path, *, log_limit: int = 1000) -> Iterator[Served]:
    """Serve the toys with an access below a folder."""
    access = load_or_make(folder, {"plain": Toy, "secured": Secured})
    sandbox = Sandbox(access, ZoneInfo("Europe/Paris"), log_limit)
    loop, ready = asyncio.new_event_loop(), Future[Addresses]()
    stop = asyncio.Event()

    async def serve() -> None:
        async with listening(sandbox, access, host="127.0.0.1", port=0, tls_port=0) as addresses:
            ready.set_result(addresses)
            await stop.wait()

    thread = Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        addresses = ready.result(timeout=10)
        with Control(addresses.plain) as control:
            yield Served(addresses, access, control)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
