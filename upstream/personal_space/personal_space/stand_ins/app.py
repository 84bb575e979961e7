"""Both stand-ins as one application."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from personal_space.stand_ins import accounts
from personal_space.stand_ins.monparis import routes as monparis
from personal_space.stand_ins.monparis.provider import MonParis
from personal_space.stand_ins.pages import STATIC, problem
from personal_space.stand_ins.payment import routes as payment
from personal_space.stand_ins.settings import Settings
from personal_space.stand_ins.words import WORDS, preferred


def application(settings: Settings) -> Starlette:
    """Return the application.

    Raises:
        OSError: the file of the accounts cannot be read.
        ValueError: the file of the accounts is not valid.
    """
    provider = MonParis(settings, accounts.read(settings.accounts))
    return Starlette(
        routes=[
            Route("/sante", health),
            Mount("/static", StaticFiles(directory=STATIC)),
            Mount("/monparis", routes=monparis.routes(provider)),
            *payment.routes(settings.payment_secret.get_secret_value()),
        ],
        exception_handlers={HTTPException: refused},
    )


async def health(_request: Request) -> PlainTextResponse:
    """Answer a health check."""
    return PlainTextResponse("ok")


async def refused(request: Request, error: Exception) -> Response:
    """Show an error page for an unknown path, method or body."""
    assert isinstance(error, HTTPException)
    language = preferred(header=request.headers.get("accept-language", ""))
    return problem(language, WORDS[language].no_page, status=error.status_code)
