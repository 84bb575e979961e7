"""The page on which residents sign in."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from personal_space.stand_ins.forms import text
from personal_space.stand_ins.monparis import authorization
from personal_space.stand_ins.monparis.authorization import ForeignRequestError, WrongRequestError
from personal_space.stand_ins.monparis.provider import Code, Grant, MonParis
from personal_space.stand_ins.pages import problem, render
from personal_space.stand_ins.words import WORDS, preferred


async def sign_in(monparis: MonParis, request: Request) -> Response:
    """Show the sign-in form; after a sign-in, redirect the browser to the app with a code.

    The form's URL keeps the app's request, so nothing is stored before a sign-in.
    """
    asked = request.query_params
    language = preferred(locales=asked.get("ui_locales", ""), header=request.headers.get("accept-language", ""))
    try:
        wanted = authorization.read(asked, monparis.settings)
    except ForeignRequestError:
        return problem(language, WORDS[language].unknown_client)
    except WrongRequestError as error:
        return RedirectResponse(error.back, 303)
    email, wrong = "", False
    if request.method == "POST":
        form = await request.form()
        email = text(form, "email")
        account = monparis.account(email, text(form, "password"))
        if account is not None:
            code = monparis.codes.give(Code(Grant(account, wanted)))
            return RedirectResponse(wanted.redirect_with(code), 303, {"Cache-Control": "no-store"})
        wrong = True
    return render(
        "sign_in.html",
        language,
        status=403 if wrong else 200,
        leads_to=wanted.redirect_uri,
        email=email,
        wrong=wrong,
    )
