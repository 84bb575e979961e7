"""The languages of the pages: French in the source, English from a catalogue.

A context variable has the request's language, so that templates, forms and messages need no argument for it.
"""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, tzinfo
from functools import cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.core import get_global
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency
from babel.support import Translations

LANGUAGES = ("fr", "en")
_FOLDER = Path(__file__).parent / "locale"
_language: ContextVar[str] = ContextVar("language", default=LANGUAGES[0])


def _load(language: str) -> NullTranslations:
    """Read a catalogue from its source file; there is no build step."""
    file = _FOLDER / f"{language}.po"
    if not file.exists():
        return NullTranslations()
    with file.open("rb") as stream:
        catalogue = read_po(stream, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


_TRANSLATIONS = {language: _load(language) for language in LANGUAGES}


def use(language: str) -> None:
    """Set the language for the rest of this request."""
    _language.set(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Use a language within the context."""
    before = _language.set(language)
    try:
        yield
    finally:
        _language.reset(before)


def current() -> str:
    """Return the language of this request."""
    return _language.get()


def gettext(message: str) -> str:
    """Translate a text of the pages."""
    return _translate(current(), message)


@cache
def _translate(language: str, message: str) -> str:
    words = _TRANSLATIONS[language].gettext(message)
    return _LOOSE.sub("\N{NO-BREAK SPACE}", words) if language == "fr" else words


_LOOSE = re.compile("(?<=«) | (?=[:;?!»€])")  # French puts a space here, which must not break the line


def N_(message: str) -> str:  # noqa: N802  (gettext's own name for a text that is translated later)
    """Mark a text for translation; it is translated where it is shown."""
    return message


def accepted(header: str) -> str:
    """Return the language of an Accept-Language header; French if it names neither."""
    weighted = []
    for place, part in enumerate(header.split(",")[:20]):
        name, _, parameters = part.strip().partition(";")
        try:
            weight = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
        except ValueError:
            continue
        weighted.append((-weight, place, name.strip().lower()[:2]))
    return next((name for _, _, name in sorted(weighted) if name in LANGUAGES), LANGUAGES[0])


def price(cents: int) -> str:
    """Return a price to show: Gratuit, 10 €, 22,50 €."""
    if cents == 0:
        return gettext("Gratuit")
    pattern = None if cents % 100 else {"fr": "#,##0\xa0¤", "en": "¤#,##0"}[current()]
    return format_currency(cents / 100, "EUR", pattern, locale=current(), currency_digits=cents % 100 != 0)


def day(value: str) -> str:
    """Return a civil day to show: 16/09/2024."""
    return f"{date.fromisoformat(value):%d/%m/%Y}"


def moment(value: str, zone: tzinfo) -> str:
    """Return a time in the city's zone: le 16/09/2024 à 10:42."""
    found = datetime.fromisoformat(value).astimezone(zone)
    return gettext("le %(day)s à %(time)s") % {"day": f"{found:%d/%m/%Y}", "time": f"{found:%H:%M}"}


def instant(value: str, zone: tzinfo) -> str:
    """Return a time to the second, where it may serve as proof: le 16/09/2024 à 10:42:03."""
    found = datetime.fromisoformat(value).astimezone(zone)
    return gettext("le %(day)s à %(time)s") % {"day": f"{found:%d/%m/%Y}", "time": f"{found:%H:%M:%S}"}


def just_now(value: str, zone: tzinfo) -> str:
    """Return a time of today to the second, à 10:42:03; an earlier one as `moment` does."""
    found = datetime.fromisoformat(value).astimezone(zone)
    if found.date() != datetime.now(zone).date():
        return moment(value, zone)
    return gettext("à %(time)s") % {"time": f"{found:%H:%M:%S}"}


def country(code: str) -> str:
    """Return a country's name."""
    return dict(countries(current()))[code]


@cache
def countries(language: str) -> list[tuple[str, str]]:
    """Return every country's code and name in a language, France first."""
    known = [(code, name) for code, name in Locale(language).territories.items() if code in _COUNTRIES]
    return sorted(known, key=lambda pair: (pair[0] != "FR", unicodedata.normalize("NFKD", pair[1]).casefold()))


# The hub's countries: ISO 3166-1 and Kosovo. Unicode's list has regions and placeholders, too.
_COUNTRIES = {code for code in get_global("zone_territories").values() if code.isalpha()} - {"ZZ"} | {"BV", "HM", "XK"}
