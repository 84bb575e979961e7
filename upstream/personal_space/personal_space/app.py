"""The web app, wired: routes, sessions, languages, headers and error pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from permit_hub_client import HubError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from personal_space import consent, live, payments, permits, reminders, session, signin, space
from personal_space.addresses import Addresses
from personal_space.forms import AddressForm
from personal_space.hub import UnknownPermitError, hub, log_unavailable
from personal_space.middleware import Failures, Headers, Languages, Limit
from personal_space.page import STATIC, go, render
from personal_space.session import IDLE_SECONDS, SignedOutError
from personal_space.settings import settings


def make_app() -> Starlette:
    """Return the app with the environment's settings.

    Raises:
        personal_space.settings.SettingsError: a setting is missing or wrong.
    """
    configured = settings()
    AddressForm.known = Addresses.load(configured.addresses)
    app = Starlette(
        routes=[
            *(route for part in (space, signin, consent, payments, permits, reminders, live) for route in part.routes),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(Headers, configured, secret=reminders.STOP),
            Middleware(Limit),
            Middleware(
                SessionMiddleware,
                secret_key=configured.secret.get_secret_value(),
                session_cookie="__Host-session" if configured.secure else "session",
                max_age=IDLE_SECONDS,
                https_only=configured.secure,
            ),
            Middleware(Languages),
            Middleware(Failures, _internal_error),
        ],
        exception_handlers={
            SignedOutError: _signed_out,
            UnknownPermitError: _not_found,
            HubError: _unavailable,
            HTTPException: _http_error,
        },
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False  # the redirect would go to the host that the request names
    return app


@asynccontextmanager
async def _lifespan(_app: Starlette) -> AsyncIterator[None]:
    yield
    await hub().aio.close()


async def _signed_out(request: Request, _error: Exception) -> Response:
    if request.url.path == live.EVENTS:
        return _error_page(request, 401)
    if request.url.path != "/consentement":
        session.remember_page(request)
    return go("/connexion") if request.method == "GET" else _error_page(request, 401)


async def _not_found(request: Request, _error: Exception) -> Response:
    return _error_page(request, 404)


async def _unavailable(request: Request, error: Exception) -> Response:
    log_unavailable(error)
    return _error_page(request, 503)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error_page(request, error.status_code)


def _internal_error(request: Request) -> Response:
    return _error_page(request, 500)


def _error_page(request: Request, status: int) -> Response:
    return render(request, "error.html", status, code=status)
