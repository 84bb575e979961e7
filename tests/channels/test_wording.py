"""What residents read: every kind of notice in every language, as it was last approved, and safely put together."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from integrations.channels.base import Bill, Notice, Occasion, Unpaid
from integrations.channels.wording import TEMPLATES, Words, kind, words
from schemas.jobs import Language
from tests.channels.golden_files import FOLDER, golden_files
from tests.channels.notices import EXPIRY, NAME, NOTICES, PLATE

SPACE_URL = "https://demo.example/espace"
STOP_URL = "https://demo.example/rappels/arreter/x"
KINDS = {
    "expiry_ahead",
    "expiry_today",
    "expiry_lapsed",
    "expiry_to_pay",
    "payment_request",
    "payment_renewal",
    "payment_address",
}
ALL = [replace(notice, language=language) for notice in NOTICES.values() for language in Language]
OF_EACH = [
    (Occasion.EXPIRY, None),
    (Occasion.EXPIRY, Unpaid.RENEWAL),
    *((Occasion.PAYMENT, unpaid) for unpaid in Unpaid),
]
WRITTEN_OUT = dict(golden_files())


def said(notice: Notice) -> Words:
    return words(notice, SPACE_URL, STOP_URL)


@pytest.mark.parametrize("file", WRITTEN_OUT, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_is_written_is_what_was_approved(file: Path) -> None:
    assert file.read_bytes() == WRITTEN_OUT[file], "if it is meant: python -m tests.channels.golden_files, and read it"


def test_nothing_is_approved_that_is_not_written_any_more() -> None:
    assert set(FOLDER.rglob("*.*")) == WRITTEN_OUT.keys()


def test_every_kind_has_words_in_every_language_and_no_others() -> None:
    found = {str(file.relative_to(TEMPLATES)) for file in TEMPLATES.glob("*/*")}

    assert found == {f"{language}/{name}.jinja" for language in Language for name in ("base", *KINDS)}
    assert {kind(notice) for notice in NOTICES.values()} == KINDS


@pytest.mark.parametrize("notice", ALL, ids=lambda one: f"{one.language}-{one.occasion}-{one.days_left}")
def test_each_says_which_vehicle_until_when_where_to_go_and_how_to_stop(notice: Notice) -> None:
    for form in (said(notice).text, said(notice).html):
        assert PLATE in form
        assert NAME in form
        assert SPACE_URL in form
        assert STOP_URL in form
        assert str(notice.last_day.year) in form
        assert notice.bill is None or f"{notice.bill.cents // 100}" in form


@pytest.mark.parametrize("notice", ALL, ids=lambda one: f"{one.language}-{one.occasion}-{one.days_left}")
def test_a_subject_on_a_locked_screen_tells_nothing_personal_but_a_date(notice: Notice) -> None:
    subject = said(notice).subject

    assert not [part for part in (*NAME.split(), PLATE, "€", SPACE_URL) if part in subject]
    assert re.search(r"\d\d/\d\d/\d{4}", subject)
    assert 20 < len(subject) < 90


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("days_left", [-40, -1, 0, 1, 2, 30, 61])
@pytest.mark.parametrize(("occasion", "unpaid"), OF_EACH)
def test_any_number_of_days_can_be_said(
    language: Language, days_left: int, occasion: Occasion, unpaid: Unpaid | None
) -> None:
    bill = None if unpaid is None else Bill(unpaid, 4550, date(2025, 10, 1))
    days_left = days_left if occasion is Occasion.EXPIRY else abs(days_left)  # what is too late is not reminded of

    written = said(replace(EXPIRY, occasion=occasion, language=language, days_left=days_left, bill=bill))

    assert not re.search(r"[{}]|-\d+\s(?:jour|day)|\b[01]\s(?:jours|days)\b|None", written.text)


@pytest.mark.parametrize("name", ["<b>", 'Zoë "la" & <Exemple>', "{{ plate }}", "{% raw %}", "&lt;"])
@pytest.mark.parametrize("field", ["name", "plate"])
def test_nobodys_name_or_plate_is_markup_or_a_template(name: str, field: str) -> None:
    written = said(replace(EXPIRY, **{field: name}))  # type: ignore[arg-type]

    assert name in " ".join(written.text.split())
    assert name in " ".join(_shown(written.html).split())
    assert _tags(written.html) == _tags(said(EXPIRY).html)


def test_nobody_without_a_name_is_greeted_by_a_gap() -> None:
    assert said(replace(EXPIRY, name=" \t ")).text.startswith("Bonjour,\n")


@pytest.mark.parametrize(
    ("day", "french", "english"),
    [
        (date(2025, 3, 1), "1er mars 2025", "1 March 2025"),
        (date(2025, 8, 31), "31 août 2025", "31 August 2025"),
        (date(2028, 2, 29), "29 février 2028", "29 February 2028"),
    ],
)
def test_days_are_written_as_people_write_them(day: date, french: str, english: str) -> None:
    notice = replace(EXPIRY, last_day=day)

    assert f"jusqu'au {french} inclus" in " ".join(said(notice).text.split())
    assert f"until {english} inclusive" in " ".join(said(replace(notice, language=Language.EN)).text.split())
    assert day.strftime("%d/%m/%Y") in said(notice).subject


def test_the_day_after_a_year_is_in_the_next() -> None:
    assert "1er\u00a0janvier 2026" in said(replace(EXPIRY, last_day=date(2026, 1, 1) - timedelta(days=1))).text


@pytest.mark.parametrize(
    ("cents", "french", "english"),
    [(4500, "45\u00a0€", "€45"), (2250, "22,50\u00a0€", "€22.50"), (100_000, "1\u202f000\u00a0€", "€1,000")],
)
def test_amounts_are_written_as_people_write_them(cents: int, french: str, english: str) -> None:
    notice = NOTICES["payment_request"]
    assert notice.bill is not None
    notice = replace(notice, bill=replace(notice.bill, cents=cents))

    assert f" reste {french} à payer" in said(notice).text.replace("\n", " ")
    assert f" is {english} left to pay" in said(replace(notice, language=Language.EN)).text.replace("\n", " ")


@pytest.mark.parametrize("notice", ALL, ids=lambda one: f"{one.language}-{one.occasion}-{one.days_left}")
def test_a_page_loads_nothing_from_anywhere_and_leads_only_where_it_says(notice: Notice) -> None:
    page = said(notice).html

    assert not re.search(r"<(?:img|link|script|iframe|form|object|svg)|url\(|@import|\bsrc=|\son\w+=", page)
    assert set(re.findall(r'https?://[^"<\s]+', page)) == {SPACE_URL, STOP_URL}
    assert f'<html lang="{notice.language}"' in page


def test_french_signs_never_begin_a_line() -> None:
    for notice in ALL:
        if notice.language is Language.FR:
            assert not re.search(r"[ \n][:;?!»](?:\s|$)", said(notice).text)


@pytest.mark.parametrize("change", [{"plate": None}, {"bill": None}])
def test_what_was_forgotten_is_an_error_and_no_gap(change: dict[str, None]) -> None:
    with pytest.raises((AssertionError, TypeError)):
        said(replace(NOTICES["payment_request"], **change))  # type: ignore[arg-type]


class _Reader(HTMLParser):
    def __init__(self, text: Callable[[str], None], tag: Callable[[str], None]) -> None:
        super().__init__()
        self.text, self.tag = text, tag

    def handle_data(self, data: str) -> None:
        self.text(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag(f"{tag} {[name for name, _ in attrs]}")


def _shown(page: str) -> str:
    found: list[str] = []
    _Reader(found.append, lambda _: None).feed(page)
    return "".join(found)


def _tags(page: str) -> list[str]:
    found: list[str] = []
    _Reader(lambda _: None, found.append).feed(page)
    return found
