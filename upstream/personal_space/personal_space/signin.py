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
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from personal_space import attempts, language, session
from personal_space import claims as said
from personal_space.attempts import Attempt
from personal_space.forms import PageForm
from personal_space.hub import hub
from personal_space.language import N_, gettext
from personal_space.page import go, render
from personal_space.session import Resident
from personal_space.settings import settings

RETURN = "/connexion/retour"
UNVERIFIED = N_(
    "Votre adresse de courriel n'a pas été vérifiée par MonParis : vos rappels n'y seront pas envoyés. Faites-la "
    "vérifier dans votre compte MonParis, puis connectez-vous ici à nouveau."
)


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
    """Redirect to the provider's sign-in page."""
    try:
        begun = await _provider().create_authorization_url(settings().url + RETURN, ui_locales=language.current())
    except (httpx2.HTTPError, OAuthError):
        return render(request, "signin_failed.html", 503, unavailable=True)
    answer = RedirectResponse(begun["url"], 302)
    attempt = Attempt(begun["state"], begun["nonce"], begun["code_verifier"], session.page_after_sign_in(request))
    attempts.remember(request, answer, attempt)
    return answer


async def signed_in(request: Request) -> Response:
    """Sign in the resident whom the provider names; the attempt ends here, successful or not."""
    attempt = attempts.recall(request)
    if attempt is None:  # expired, already used, forged, or begun in another browser
        return _failed(request)
    answer = await _completed(request, attempt)
    attempts.forget(answer, attempt)
    return answer


async def _completed(request: Request, attempt: Attempt) -> Response:
    try:
        claims = await _claims(request, attempt)
        resident = Resident.of(claims, settings().resident_claim)
    except httpx2.HTTPError:
        return render(request, "signin_failed.html", 503, unavailable=True)
    except (OAuthError, JoseError, KeyError, TypeError, ValueError):  # denied, replayed, or not our answer
        return _failed(request)
    session.begin(request, resident)
    await _send_contact(request, resident, claims)
    return go(attempt.wanted)


def _failed(request: Request) -> Response:
    """Redirect a resident who is already signed in to their space; tell others to begin again."""
    if session.resident(request) is not None:
        return go(session.FIRST_PAGE)
    return render(request, "signin_failed.html", 400, unavailable=False)


async def _claims(request: Request, attempt: Attempt) -> dict[str, object]:
    """Exchange the code for the provider's claims about the resident."""
    code = request.query_params["code"]
    token = await _provider().fetch_access_token(
        settings().url + RETURN, code=code, code_verifier=attempt.code_verifier
    )
    claims = dict(await _provider().parse_id_token(token, attempt.nonce))
    if "userinfo_endpoint" in await _provider().load_server_metadata():
        more = await _provider().userinfo(token=token)
        if more["sub"] != claims["sub"]:
            raise ValueError("the id token and userinfo have different subjects")
        claims |= more
    return claims


async def _send_contact(request: Request, resident: Resident, claims: dict[str, object]) -> None:
    """Send the contact details to the hub; if it is unavailable, it gets them at the next sign-in."""
    email = said.email(claims)
    if not email:
        return
    if not said.email_is_theirs(claims):
        session.leave_notice(request, gettext(UNVERIFIED))
        return
    with suppress(HubError):
        await hub().aio.send(
            "resident.update_contact",
            resident_id=resident.resident_id,
            name=resident.name or email,
            email=email,
            language=language.current(),
        )


async def sign_out(request: Request) -> Response:
    """End the session here, then at the provider."""
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
