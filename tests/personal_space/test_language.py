"""The pages' texts: French from the source, English from the complete catalogue."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from personal_space import language

APP = Path(__file__).parents[2] / "upstream" / "personal_space"
PLACEHOLDER = re.compile(r"%\(\w+\)s")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Return every text of the pages, extracted as for translators."""
    file = tmp_path_factory.mktemp("words") / "words.pot"
    command = [sys.executable, "-W", "ignore", "-m", "babel.messages.frontend", "-q", "extract", "-F", "babel.ini"]
    subprocess.run([*command, "-o", str(file), "."], cwd=APP, check=True)
    with file.open("rb") as stream:
        return read_po(stream)


@pytest.fixture(scope="module")
def english() -> Catalog:
    with (APP / "personal_space" / "locale" / "en.po").open("rb") as stream:
        return read_po(stream, locale="en")


def words(catalogue: Catalog) -> set[str]:
    return {str(message.id) for message in catalogue if message.id}


def test_the_english_catalogue_has_exactly_the_texts_of_the_pages(written: Catalog, english: Catalog) -> None:
    assert words(written) == words(english)
    assert len(words(written)) > 100


def test_every_translation_has_the_same_placeholders(english: Catalog) -> None:
    for message in english:
        if message.id:
            assert message.string, message.id
            assert not message.fuzzy, message.id
            assert set(PLACEHOLDER.findall(str(message.id))) == set(PLACEHOLDER.findall(str(message.string))), (
                message.id
            )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "fr"),
        ("en", "en"),
        ("en-GB,en;q=0.8", "en"),
        ("de-DE,de;q=0.9,en;q=0.5,fr;q=0.4", "en"),
        ("fr-CH, en;q=0.9", "fr"),
        ("de", "fr"),
        ("en;q=zero, *;q=0.1", "fr"),
        ("\udcff;;;q=,,," * 50, "fr"),
    ],
)
def test_the_language_is_taken_from_accept_language(header: str, expected: str) -> None:
    assert language.accepted(header) == expected


@pytest.mark.parametrize(
    ("cents", "french", "english"),
    [(0, "Gratuit", "Free"), (1000, "10\xa0€", "€10"), (2250, "22,50\xa0€", "€22.50"), (4505, "45,05\xa0€", "€45.05")],
)
def test_prices_are_written_as_on_the_residents_screen(cents: int, french: str, english: str) -> None:
    assert in_language("fr", language.price, cents) == french
    assert in_language("en", language.price, cents) == english


def test_a_time_is_shown_in_the_citys_zone_before_and_after_a_clock_change() -> None:
    from zoneinfo import ZoneInfo

    paris = ZoneInfo("Europe/Paris")
    before, after = "2024-10-27T00:30:00+00:00", "2024-10-27T01:30:00+00:00"
    assert language.moment(before, paris) == language.moment(after, paris) == "le 27/10/2024 à 02:30"
    assert language.moment("2024-09-16T22:30:00Z", paris) == "le 17/09/2024 à 00:30"


def test_france_comes_first_and_each_country_has_one_code() -> None:
    for name in language.LANGUAGES:
        codes = [code for code, _ in language.countries(name)]
        assert codes[0] == "FR"
        assert {"DE", "BE", "ES", "GB", "CH"} <= set(codes)
        assert len(codes) == len(set(codes))


def in_language(name: str, function: Callable[..., str], *arguments: object) -> str:
    language.use(name)
    try:
        return function(*arguments)
    finally:
        language.use("fr")
