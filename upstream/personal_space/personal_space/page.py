"""Render pages: the templates, and the functions that they may use."""

from pathlib import Path
from uuid import uuid4

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from personal_space import consent_text, language, live, session, words
from personal_space.forms import PageForm
from personal_space.settings import settings

STATIC = Path(__file__).parent / "static"

_environment = Environment(
    loader=PackageLoader("personal_space"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    auto_reload=False,
)


def _translate(message: str, **values: object) -> Markup:
    """Translate a text of a page; the text is ours and may be markup, its values are escaped."""
    words = Markup(language.gettext(message))  # noqa: S704
    return words % values if values else words


_environment.globals.update(
    _=_translate,
    words=words,
    consent_text=consent_text.text,
    decided=consent_text.decided,
    shown_words=consent_text.shown,
    new_id=uuid4,
    state=live.state,
    language=language.current,
    price=language.price,
    day=language.day,
    country=language.country,
)
_environment.filters.update(
    moment=lambda value: language.moment(value, settings().zone),
    instant=lambda value: language.instant(value, settings().zone),
)


def render(request: Request, template: str, status: int = 200, **context: object) -> HTMLResponse:
    """Render a page; every template gets the resident, the sign-out form and a notice to show once."""
    resident = session.resident(request)
    return HTMLResponse(
        _environment.get_template(template).render(
            path=request.url.path,
            resident=resident,
            notice=None if session.is_live(request) else session.take_notice(request),
            sign_out=PageForm.of(request) if resident else None,  # its token would begin a session
            **context,
        ),
        status,
    )


def go(path: str) -> RedirectResponse:
    """Redirect the browser to another page, with GET."""
    return RedirectResponse(path, 303)
