"""MonParis's routes, and its simple endpoints."""

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from personal_space.stand_ins.forms import text
from personal_space.stand_ins.monparis.claims import SCOPES, claims
from personal_space.stand_ins.monparis.keys import ALGORITHM
from personal_space.stand_ins.monparis.provider import MonParis
from personal_space.stand_ins.monparis.sign_in import sign_in
from personal_space.stand_ins.monparis.token import token
from personal_space.stand_ins.pages import render
from personal_space.stand_ins.words import LANGUAGES, preferred


def routes(monparis: MonParis) -> list[Route]:
    """Return MonParis's routes."""
    return [
        Route("/.well-known/openid-configuration", partial(discovery, monparis)),
        Route("/jwks", partial(jwks, monparis)),
        Route("/authorize", partial(sign_in, monparis), methods=["GET", "POST"]),
        Route("/token", partial(token, monparis), methods=["POST"]),
        Route("/userinfo", partial(userinfo, monparis), methods=["GET", "POST"]),
        Route("/end_session", partial(end_session, monparis), methods=["GET", "POST"]),
    ]


async def discovery(monparis: MonParis, _request: Request) -> JSONResponse:
    """Return the OpenID provider metadata."""
    issuer = monparis.settings.issuer
    return JSONResponse(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "end_session_endpoint": f"{issuer}/end_session",
            "jwks_uri": f"{issuer}/jwks",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": list(SCOPES),
            "claims_supported": [name for names in SCOPES.values() for name in names],
            "ui_locales_supported": list(LANGUAGES),
            "request_uri_parameter_supported": False,
        }
    )


async def jwks(monparis: MonParis, _request: Request) -> JSONResponse:
    """Return the public key that verifies id tokens."""
    return JSONResponse(monparis.key.public())


async def userinfo(monparis: MonParis, request: Request) -> JSONResponse:
    """Return the claims for an access token."""
    scheme, _, access_token = request.headers.get("authorization", "").partition(" ")
    grant = monparis.access_tokens.show(access_token.strip()) if scheme.lower() == "bearer" else None
    if grant is None:
        refused = {"WWW-Authenticate": 'Bearer error="invalid_token"', "Cache-Control": "no-store"}
        return JSONResponse({"error": "invalid_token"}, 401, refused)
    return JSONResponse(claims(grant.account, grant.authorization.scope), headers={"Cache-Control": "no-store"})


async def end_session(monparis: MonParis, request: Request) -> Response:
    """Redirect the browser to the app; there is no session here to end."""
    asked = request.query_params
    form = await request.form()  # empty for GET
    back = text(form, "post_logout_redirect_uri") or asked.get("post_logout_redirect_uri", "")
    if back == monparis.settings.url or back.startswith(f"{monparis.settings.url}/"):
        return RedirectResponse(back, 303)
    header = request.headers.get("accept-language", "")
    return render("signed_out.html", preferred(locales=asked.get("ui_locales", ""), header=header))
