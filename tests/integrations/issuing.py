"""A provider that issues tokens and accepts requests only with one, and a client of it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from aiohttp import web
from pydantic import SecretStr

from integrations.errors import FailureCode
from integrations.http import ProviderClient
from integrations.oauth import ClientCredentials
from integrations.settings import ProviderSettings
from tests.integrations.certificates import shown

ID = "the hub/id"
SECRET = "a+secret:that&nobody%may-see"
LIFE = 3600.0

T = TypeVar("T")
Issue = Callable[[int], Awaitable[web.StreamResponse | None]]


class Issuer:
    """Issues the tokens `token-0`, `token-1` …; `issue` may give another answer, by the number of the request."""

    def __init__(self, issue: Issue | None = None, *, life: float = LIFE, hangs_up: bool = False) -> None:
        self.port = 0
        self.asked: list[tuple[str, str]] = []  # the Authorization and the body of each token request
        self.valid: set[str] = set()
        self.served: list[tuple[str, int]] = []  # the token and the status of each other request
        self.names: list[str] = []  # in the client certificate of each request of either kind
        self.answers = 200  # to a request with a valid token
        self.held: list[asyncio.Event] = []  # each of the next other requests waits for one of these
        self._issue = issue
        self._life = life
        self._hangs_up = hangs_up
        self._site: web.TCPSite | None = None

    @asynccontextmanager
    async def serving(self, trust: ssl.SSLContext | None = None) -> AsyncIterator["Issuer"]:
        app = web.Application()
        app.router.add_post("/base/oauth/token", self._token)
        app.router.add_put("/base/thing", self._thing)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=trust)
        await self._site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    async def stop(self) -> None:
        """Accept no more connections."""
        assert self._site is not None
        await self._site.stop()

    def run(self, work: Callable[[ProviderClient], Awaitable[T]]) -> T:
        """Serve while a client of this issuer works."""

        async def once() -> T:
            async with self.serving(), authorised(self) as found:
                return await work(found)

        return asyncio.run(once())

    def statuses(self) -> list[int]:
        return [status for _, status in self.served]

    async def _token(self, request: web.Request) -> web.StreamResponse:
        self._note_name(request)
        number = len(self.asked)
        self.asked.append((request.headers["Authorization"], await request.text()))
        if self._hangs_up:
            assert request.transport is not None
            request.transport.abort()
        if self._issue is not None and (answer := await self._issue(number)) is not None:
            return answer
        token = f"token-{number}"
        self.valid.add(token)
        return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": self._life})

    async def _thing(self, request: web.Request) -> web.Response:
        self._note_name(request)
        token = request.headers["Authorization"].removeprefix("Bearer ")
        status = self.answers if token in self.valid else 401
        if self.held:
            await self.held.pop(0).wait()
        self.served.append((token, status))
        return web.json_response({"token": token, "got": await request.json()}, status=status)

    def _note_name(self, request: web.Request) -> None:
        assert request.transport is not None
        self.names.append(shown(request.transport.get_extra_info("ssl_object")))


@asynccontextmanager
async def authorised(
    issuer: Issuer, *, authority: Path | None = None, certificate: Path | None = None
) -> AsyncIterator[ProviderClient]:
    """Yield a client with tokens of this issuer."""
    url = f"{'http' if authority is None else 'https'}://127.0.0.1:{issuer.port}/base"
    access = ProviderSettings(url=url, development=True, authority=authority)
    found = ProviderClient(
        "anybody",
        access,
        {},
        connections=64,
        refusal=lambda _: FailureCode.REQUEST_REFUSED,
        authorisation=ClientCredentials(
            "anybody", access, "/oauth/token", SecretStr(ID), SecretStr(SECRET), certificate
        ),
        certificate=certificate,
    )
    try:
        yield found
    finally:
        await found.aclose()
