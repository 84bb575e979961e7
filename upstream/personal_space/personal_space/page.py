"""How a page is made: the templates, and what each of them may use."""

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


def _say(message: str, **values: object) -> Markup:
    """Translate words of a page; the words are ours, what stands in them is escaped."""
    words = Markup(language.gettext(message))  # noqa: S704
    return words % values if values else words


_environment.globals.update(
    _=_say,
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
    """Answer with a page; each has who is signed in, the form that signs them out, and what is to be said once."""
    resident = session.resident(request)
    return HTMLResponse(
        _environment.get_template(template).render(
            path=request.url.path,
            resident=resident,
            notice=None if session.is_live(request) else session.take_notice(request),
            sign_out=PageForm.of(request) if resident else None,  # a token in it begins a session
            **context,
        ),
        status,
    )


def go(path: str) -> RedirectResponse:
    """Send the browser to another page, with GET."""
    return RedirectResponse(path, 303)
