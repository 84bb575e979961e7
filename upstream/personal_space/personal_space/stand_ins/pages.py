"""Render the stand-ins' pages: they run no script and load only their own stylesheet."""

from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from personal_space.stand_ins.words import WORDS, Language

STATIC = Path(__file__).parent / "static"

_environment = Environment(
    loader=PackageLoader("personal_space.stand_ins"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    auto_reload=False,
)


def render(
    template: str, language: Language, *, status: int = 200, leads_to: str | None = None, **context: object
) -> HTMLResponse:
    """Render a page; its form may redirect to the service at `leads_to`, and nowhere else."""
    page = _environment.get_template(template).render(language=language, words=WORDS[language], **context)
    onwards = f" {_origin(leads_to)}" if leads_to else ""  # form-action also limits a form's redirects
    limits = ("default-src 'none'", "style-src 'self'", f"form-action 'self'{onwards}", "frame-ancestors 'none'")
    headers = {
        "Content-Security-Policy": "; ".join((*limits, "base-uri 'none'")),
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(page, status, headers)


def problem(language: Language, words: str, *, status: int = 400) -> HTMLResponse:
    """Render an error page."""
    return render("problem.html", language, status=status, problem=words)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
