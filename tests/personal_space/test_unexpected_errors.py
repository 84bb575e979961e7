"""An unexpected error has a page with all headers; the log has its type and not its message."""

import asyncio
import logging

import httpx2
import pytest
from personal_space.middleware import Failures, Headers
from personal_space.settings import Settings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

PLATE = "QX-731-ZV"


def said(_request: Request) -> Response:
    return PlainTextResponse("that did not work", 500)


async def mistaken(_request: Request) -> Response:
    raise ValueError(PLATE)


@pytest.fixture
def app() -> Starlette:
    settings = Settings(
        url="https://stationnement.example",
        redis_url="redis://127.0.0.1:1",
        secret="s" * 32,
        issuer="https://monparis.example",
        client_id="app",
        client_secret="c",
        payment_url="https://pay.example/order",
        payment_secret="p" * 32,
    )
    return Starlette(
        routes=[Route("/", mistaken)], middleware=[Middleware(Headers, settings), Middleware(Failures, said)]
    )


def test_an_unexpected_error_has_a_page_with_all_headers_and_is_logged_without_its_message(
    app: Starlette, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://app") as http:
            return await http.get("/")

    with caplog.at_level(logging.ERROR, "personal_space"):
        answer = asyncio.run(ask())
    assert (answer.status_code, answer.text) == (500, "that did not work")
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert caplog.messages == [message for message in caplog.messages if "ValueError" in message]
    assert len(caplog.messages) == 1
    assert PLATE not in caplog.text
