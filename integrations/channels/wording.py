"""What a notice says: a subject, a text and HTML, all from one template for each kind of notice and language."""

import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

from babel.dates import format_date
from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from integrations.channels.base import Notice, Occasion, Unpaid
from integrations.channels.headers import one_line
from schemas.jobs import Language

TEMPLATES = Path(__file__).parent / "templates"
TEXT_LINE = 72

PAYMENTS: Mapping[Unpaid, str] = MappingProxyType(
    {
        Unpaid.REQUEST: "payment_request",
        Unpaid.RENEWAL: "payment_renewal",
        Unpaid.ADDRESS: "payment_address",
    }
)

LOCALES: Mapping[Language, str] = MappingProxyType({Language.FR: "fr_FR", Language.EN: "en_GB"})
CURRENCY = "EUR"
LONG_DAY = "d MMMM y"
SHORT_DAY = "dd/MM/y"

NO_BREAK = "\u00a0"
UNBROKEN = re.compile(r" (?=[:;?!»])|(?<=«) |(?<=\d) (?=jours?\b|days?\b)")  # French signs, and numbers of days
WHITE = re.compile(r"[ \n]+")  # but not what is kept together already
PARAGRAPHS = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Words:
    """What a notice says, in both forms that an e-mail has."""

    subject: str
    text: str
    html: str


def words(notice: Notice, space_url: str, stop_url: str) -> Words:
    """Write a notice out in its language; the links lead to the resident's space, and to no more reminders."""
    name = f"{notice.language}/{kind(notice)}.jinja"
    values = {
        "language": notice.language,
        "name": one_line(notice.name),
        "plate": one_line(notice.plate),
        "last_day": notice.last_day,
        "next_day": notice.last_day + timedelta(days=1),
        "days_left": notice.days_left,
        "bill": notice.bill,
        "space_url": space_url,
        "stop_url": stop_url,
    }
    # The first line of the text's layout is the subject.
    subject, _, text = _texts().get_template(name).render(values, layout="layout.txt").partition("\n")
    return Words(subject, text.strip() + "\n", _pages().get_template(name).render(values, layout="layout.html"))


def kind(notice: Notice) -> str:
    """Return which template a notice is written from."""
    if notice.bill is not None:
        return "expiry_to_pay" if notice.occasion is Occasion.EXPIRY else PAYMENTS[notice.bill.unpaid]
    assert notice.occasion is Occasion.EXPIRY, "a payment comes with its bill"
    if notice.days_left > 0:
        return "expiry_ahead"
    return "expiry_today" if notice.days_left == 0 else "expiry_lapsed"


@cache
def _texts() -> Environment:
    """Return what writes plain text, where nothing stands out and nothing needs escaping."""
    return _environment({"strong": str, "typeset": _typeset, "paragraphs": _filled}, autoescape=False)


@cache
def _pages() -> Environment:
    return _environment({"strong": _strong, "typeset": _typeset_markup, "paragraphs": _marked_up}, autoescape=True)


def _environment(filters: Mapping[str, Callable[..., str]], *, autoescape: bool) -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=autoescape,  # noqa: S701 - but for plain text, always
        auto_reload=False,  # templates change with the code
    )
    made.filters |= {"day": _day, "short": _short, "money": _money, **filters}
    return made


@pass_context
def _day(context: Context, day: date) -> str:
    """Write a day in words: 1er mars 2025, 2 March 2025."""
    language = Language(context["language"])
    number, _, month_and_year = _written(day, LONG_DAY, LOCALES[language]).partition(" ")
    first = "er" if language is Language.FR and day.day == 1 else ""
    return f"{number}{first}{NO_BREAK}{month_and_year}"


@pass_context
def _short(context: Context, day: date) -> str:
    """Write a day in figures, as residents' screens do."""
    return _written(day, SHORT_DAY, LOCALES[Language(context["language"])])


@lru_cache(maxsize=256)
def _written(day: date, pattern: str, locale: str) -> str:
    return format_date(day, pattern, locale)


@pass_context
def _money(context: Context, cents: int) -> str:
    """Write an amount; a whole one without cents."""
    locale = LOCALES[Language(context["language"])]
    written: str = format_currency(cents / 100, CURRENCY, locale=locale)
    return written if cents % 100 else re.sub(r"[.,]00(?!\d)", "", written)


def _typeset(text: str) -> str:
    """Put a text into one line, and keep together what none may break."""
    return UNBROKEN.sub(NO_BREAK, WHITE.sub(" ", text).strip(" "))


def _filled(text: str) -> str:
    """Set paragraphs in lines."""
    found = [_typeset(one) for one in PARAGRAPHS.split(text.strip())]
    return "\n\n".join(textwrap.fill(one, TEXT_LINE, break_long_words=False, break_on_hyphens=False) for one in found)


def _strong(text: str) -> Markup:
    return Markup('<strong style="display:inline-block;max-width:100%">{}</strong>').format(text)


def _typeset_markup(text: Markup) -> Markup:
    return Markup(_typeset(text))  # noqa: S704 - it was escaped where it was put in, and spaces are no markup


def _marked_up(text: Markup) -> Markup:
    found = (_typeset(one) for one in PARAGRAPHS.split(str(text).strip()))
    return Markup("\n".join(f'<p style="margin:0 0 16px">{one}</p>' for one in found))  # noqa: S704 - escaped before
