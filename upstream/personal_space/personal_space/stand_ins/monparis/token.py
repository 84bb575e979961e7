"""The token endpoint: the app exchanges a code for tokens."""

import binascii
from base64 import b64decode
from urllib.parse import unquote_plus

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse

from personal_space.stand_ins.forms import text
from personal_space.stand_ins.monparis.claims import claims
from personal_space.stand_ins.monparis.provider import Grant, MonParis

_UNCACHED = {"Cache-Control": "no-store"}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="MonParis"'}


async def token(monparis: MonParis, request: Request) -> JSONResponse:
    """Answer a code with tokens, once, and only to the app that it was made for."""
    form = await request.form()
    if not _is_client(monparis, request, form):
        return JSONResponse({"error": "invalid_client"}, 401, _UNCACHED | _CHALLENGE)
    if text(form, "grant_type") != "authorization_code":
        return JSONResponse({"error": "unsupported_grant_type"}, 400, _UNCACHED)
    grant, access_token = _redeem(monparis, form)
    if grant is None:
        return JSONResponse({"error": "invalid_grant"}, 400, _UNCACHED)
    asked = grant.authorization
    answer = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": monparis.access_tokens.seconds,
        "scope": " ".join(sorted(asked.scope)),
        "id_token": monparis.key.id_token(
            issuer=monparis.settings.issuer,
            audience=monparis.settings.client_id,
            nonce=asked.nonce,
            claims=claims(grant.account, asked.scope),
        ),
    }
    return JSONResponse(answer, headers=_UNCACHED)


def _redeem(monparis: MonParis, form: FormData) -> tuple[Grant | None, str]:
    code = monparis.codes.show(text(form, "code"))
    if code is None:
        return None, ""
    if code.spent:  # the code may be stolen: revoke the token made from it (RFC 6749, 4.1.2)
        monparis.access_tokens.withdraw(code.access_token or "")
        return None, ""
    code.spent = True
    asked = code.grant.authorization
    if text(form, "redirect_uri") != asked.redirect_uri or not asked.matches(text(form, "code_verifier")):
        return None, ""
    code.access_token = monparis.access_tokens.give(code.grant)
    return code.grant, code.access_token


def _is_client(monparis: MonParis, request: Request, form: FormData) -> bool:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return monparis.is_client(text(form, "client_id"), text(form, "client_secret"))
    if scheme.lower() != "basic":
        return False
    try:
        client_id, _, secret = b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return False
    return monparis.is_client(unquote_plus(client_id), unquote_plus(secret))
