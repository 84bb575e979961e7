"""What holds for every response: its language, security headers, a size limit and an error page."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers as RequestHeaders
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from personal_space import language
from personal_space.session import LANGUAGE
from personal_space.settings import Settings

log = logging.getLogger("personal_space")

CHOICE = "langue"  # the query parameter that changes the language
MAX_BYTES = 64_000  # of a request's body: the largest form takes a twentieth of it


class Languages:
    """Set the language of each request: the resident's choice, else the browser's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set the language, then pass the request on."""
        if scope["type"] == "http":
            asked = parse_qs(scope["query_string"].decode("latin-1")).get(CHOICE, [""])[0]
            if asked in language.LANGUAGES:
                scope["session"][LANGUAGE] = asked
            chosen = scope["session"].get(LANGUAGE)
            language.use(chosen or language.accepted(RequestHeaders(scope=scope).get("accept-language", "")))
        await self._app(scope, receive, send)


class Failures:
    """Show an error page for an unexpected error. Log its type only: its message may have personal data."""

    def __init__(self, app: ASGIApp, page: Callable[[Request], Response]) -> None:
        self._app = app
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and answer if that raises an error."""
        begun = False

        async def noting_begin(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting_begin)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            log.error("request.failed %s in %s:%s", type(error).__name__, Path(frame.filename).name, frame.lineno)
            if not begun:
                await self._page(Request(scope))(scope, receive, send)


class Limit:
    """Refuse a request whose body is too long for a form, or of unknown length."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or pass the request on."""
        if scope["type"] == "http" and scope["method"] == "POST":
            length = RequestHeaders(scope=scope).get("content-length", "")
            if not length.isascii() or not length.isdigit() or len(length) > 9 or int(length) > MAX_BYTES:
                await PlainTextResponse("too long", 413)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Headers:
    """Set the headers that say what browsers may load, where they may send forms, and what they may cache.

    Paths below `secret` are secret themselves: browsers send no Referer for them, not even to this app.
    """

    def __init__(self, app: ASGIApp, configured: Settings, secret: str | None = None) -> None:
        self._app = app
        self._secret = secret
        elsewhere = " ".join(dict.fromkeys(_origin(url) for url in (configured.payment_url, configured.issuer)))
        self._headers = {
            "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            f"connect-src 'self'; form-action 'self' {elsewhere}; base-uri 'none'; frame-ancestors 'none'",
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
        }
        if configured.secure:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to the response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        static = scope["path"].startswith("/static/")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if self._secret is not None and scope["path"].startswith(self._secret):
                    headers["referrer-policy"] = "no-referrer"
                headers["cache-control"] = "public, max-age=3600" if static else "no-store"
            await send(message)

        await self._app(scope, receive, with_headers)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
