"""Signing in with MonParis, or any other OpenID provider, and signing out."""

from contextlib import suppress
from functools import cache
from urllib.parse import urlencode

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth, StarletteOAuth2App
from joserfc.errors import JoseError
from permit_hub_client import HubError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from personal_space import language, session
from personal_space.forms import PageForm
from personal_space.hub import hub
from personal_space.page import go, render
from personal_space.session import Resident
from personal_space.settings import settings

RETURN = "/connexion/retour"


@cache
def _provider() -> StarletteOAuth2App:
    configured = settings()
    oauth = OAuth()
    oauth.register(
        "monparis",
        client_id=configured.client_id,
        client_secret=configured.client_secret.get_secret_value(),
        server_metadata_url=f"{configured.issuer}/.well-known/openid-configuration",
        client_kwargs={"scope": configured.scope, "code_challenge_method": "S256", "timeout": 5},
    )
    return oauth.monparis


async def sign_in(request: Request) -> Response:
    """Lead to the provider's own page."""
    try:
        answer: Response = await _provider().authorize_redirect(
            request, settings().url + RETURN, ui_locales=language.current()
        )
    except (httpx2.HTTPError, OAuthError):
        return render(request, "signin_failed.html", 503, away=True)
    return answer


async def signed_in(request: Request) -> Response:
    """Take the resident over from the provider."""
    try:
        token = await _provider().authorize_access_token(request)
        claims = dict(token["userinfo"])
        if "userinfo_endpoint" in await _provider().load_server_metadata():
            more = await _provider().userinfo(token=token)
            if more["sub"] != claims["sub"]:
                raise ValueError("two subjects")
            claims |= more
        resident = Resident.of(claims, settings().resident_claim)
    except httpx2.HTTPError:
        return render(request, "signin_failed.html", 503, away=True)
    except (OAuthError, JoseError, KeyError, ValueError):  # denied, replayed, forged, or begun in another browser
        if session.resident(request) is not None:  # in another tab, which Authlib remembers alone
            return go(session.FIRST_PAGE)
        return render(request, "signin_failed.html", 400, away=False)
    wanted = session.begin(request, resident)
    await _tell_contact(resident, claims)
    return go(wanted)


async def _tell_contact(resident: Resident, claims: dict[str, object]) -> None:
    """Keep the hub's way to reach the resident up to date; a hub that is away learns it at the next signing in."""
    if not (resident.name and claims.get("email")):
        return
    with suppress(HubError):
        await hub().aio.send(
            "resident.update_contact",
            resident_id=resident.resident_id,
            name=resident.name,
            email=claims["email"],
            language=language.current(),
        )


async def sign_out(request: Request) -> Response:
    """Forget the session here, then at the provider."""
    if not PageForm.of(request, await request.form()).validate():
        return go("/espace")
    request.session.clear()
    try:
        end = (await _provider().load_server_metadata()).get("end_session_endpoint")
    except (httpx2.HTTPError, OAuthError):
        end = None
    if end is None:
        return go("/")
    back = urlencode({"client_id": settings().client_id, "post_logout_redirect_uri": f"{settings().url}/"})
    return go(f"{end}?{back}")


routes = [
    Route("/connexion", sign_in),
    Route(RETURN, signed_in),
    Route("/deconnexion", sign_out, methods=["POST"]),
]
