"""How a page is made: the templates, and what each of them may use."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from personal_space import consent_text, language, session, words
from personal_space.forms import PageForm
from personal_space.settings import settings

STATIC = Path(__file__).parent / "static"

_environment = Environment(
    loader=PackageLoader("personal_space"),
    extensions=["jinja2.ext.i18n"],
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    auto_reload=False,
)
_environment.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
_environment.globals.update(
    words=words,
    consent_text=consent_text.text,
    decided=consent_text.decided,
    language=language.current,
    price=language.price,
    day=language.day,
)
_environment.filters.update(
    moment=lambda value: language.moment(value, settings().zone),
    instant=lambda value: language.instant(value, settings().zone),
)


def render(request: Request, template: str, status: int = 200, **context: object) -> HTMLResponse:
    """Answer with a page; each has who is signed in, what is to be said once, and the form that signs out."""
    return HTMLResponse(
        _environment.get_template(template).render(
            path=request.url.path,
            resident=session.resident(request),
            notice=session.take_notice(request),
            sign_out=PageForm.of(request),
            **context,
        ),
        status,
    )


def go(path: str) -> RedirectResponse:
    """Send the browser to another page, with GET."""
    return RedirectResponse(path, 303)
