"""An address is found in all usual spellings, and never confused with another."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import personal_space
import pytest
from hypothesis import given
from hypothesis import strategies as st
from personal_space.addresses import Address, Addresses

LABELS = (
    "35 rue du Chevalier de la Barre - Sacré-Cœur, 75018 Paris",
    "5 boulevard Saint-Germain, 75005 Paris",
    "3 bis rue de l'Abbé-Grégoire, 75006 Paris",
    "3 ter rue de l'Abbé-Grégoire, 75006 Paris",
    "3 quater rue de l'Abbé-Grégoire, 75006 Paris",
    "3 rue de l'Abbé-Grégoire, 75006 Paris",
    "12 avenue du Général-Leclerc, 75014 Paris",
    "1 place du Maréchal-Juin, 75017 Paris",
    "8 avenue du Président-Wilson, 75116 Paris",
    "9 square Sainte-Odile, 75017 Paris",
    "20 rue du Faubourg Saint-Honoré, 75008 Paris",
    "2 impasse de l'Œuvre, 75011 Paris",
    "6 allée Gaston-Bachelard, 75014 Paris",
    "40 cours de Vincennes, 75012 Paris",
    "7 quai François-Mauriac, 75013 Paris",
    "1 route de la Grande-Cascade, 75016 Paris",
    "4 rue Bjørnstjerne-Bjørnson, 75010 Paris",
    "5 rue Curnonsky Łódź Þór Straße, 75017 Paris",
    "6 rue Notre-Dame-des-Champs, 75006 Paris",
    "8 rue du 7 Mai, 75001 Paris",
    "7 rue du 8 Mai, 75001 Paris",
    "1 rue de la Paix, 75002 Paris",
    "1 rue de la Paix, 92400 Courbevoie",
)
KNOWN = Addresses.of(Address(str(number), label, ("14A",)) for number, label in enumerate(LABELS))


def found(typed: str) -> str | None:
    address = KNOWN.find(typed)
    return address.label if address else None


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("35 rue du Chevalier de la Barre Sacre-Coeur, 75018 Paris", LABELS[0]),
        ("35 RUE DU CHEVALIER DE LA BARRE SACRE CŒUR 75018 PARIS", LABELS[0]),
        ("35 rue du Chevalier de la Barre Sacré\u2010Cœur 75018", LABELS[0]),
        ("5 bd St Germain 75005 Paris", LABELS[1]),
        ("5, bld. St-Germain, 75005", LABELS[1]),
        ("5 bvd saint germain Paris", LABELS[1]),
        ("3bis rue de l'Abbé Grégoire 75006", LABELS[2]),
        ("3 B, r. de l’Abbe Gregoire 75006 Paris", LABELS[2]),
        ("3B rue de lʼAbbé-Grégoire, 75006 Paris", LABELS[2]),
        ("3T rue abbé grégoire 75006", LABELS[3]),
        ("3 quater, rue Abbé Grégoire, 75006 PARIS", LABELS[4]),
        ("3 rue de l'abbé grégoire 75006 paris", LABELS[5]),
        ("12 av. du Gal Leclerc 75014 Paris", LABELS[6]),
        ("1 pl Mal Juin 75017 Paris", LABELS[7]),
        ("8 ave du Pdt Wilson 75116 Paris", LABELS[8]),
        ("9 sq Ste Odile 75017 Paris", LABELS[9]),
        ("20 r du fg St Honore 75008 Paris", LABELS[10]),
        ("2 imp. de l'Oeuvre 75011 Paris", LABELS[11]),
        ("6 all Gaston Bachelard 75014 Paris", LABELS[12]),
        ("40 crs Vincennes 75012 Paris", LABELS[13]),
        ("7 qu François Mauriac 75013 Paris", LABELS[14]),
        ("7 quai Francois Mauriac 75013 Paris", LABELS[14]),
        ("1 rte de la Grande Cascade 75016 Paris", LABELS[15]),
        ("4 rue Bjornstjerne Bjornson 75010 Paris", LABELS[16]),
        ("5 rue Curnonsky Lodz Thor Strasse 75017 Paris", LABELS[17]),
        ("6 rue N.-D. des Champs 75006 Paris", LABELS[18]),
        ("6 rue ND des Champs 75006 Paris", LABELS[18]),
        ("75014 Paris, avenue du Général Leclerc 12", LABELS[6]),
        ("  5   boulevard\u00a0Saint\u00adGermain,75005 Paris", None),  # a soft hyphen is no separator
        ("5 boulevard Saint\u2011Germain, 75005 Paris", LABELS[1]),
        ("１２ avenue du Général-Leclerc, 75014 Paris", LABELS[6]),
        ("1 rue de la Paix 75002", LABELS[21]),
        ("1 rue de la Paix Courbevoie", LABELS[22]),
        ("5 bd St Germain", LABELS[1]),
        ("n° 5, Bd. St-Germain", LABELS[1]),
        ("Nº5 bd St-Germain Paris", LABELS[1]),
        ("3bis r. Abbé Grégoire", LABELS[2]),
        ("12 av du Gal Leclerc", LABELS[6]),
        ("20 r du fbg St-Honoré", LABELS[10]),
        ("5 bd St Germain, Paris 5e", LABELS[1]),
        ("5 bd St Germain Paris 5 ème", LABELS[1]),
        ("5 bd St Germain, 75005 PARIS 05", LABELS[1]),
        ("5 bd St Germain Paris 5e arrondissement", LABELS[1]),
        ("1 rue de la Paix, Paris 2e", LABELS[21]),
        ("8 av. du Pdt Wilson, 75016 Paris", LABELS[8]),
        ("8 av. du Pdt Wilson, Paris 16e", LABELS[8]),
    ],
)
def test_an_address_is_found_as_residents_write_it(typed: str, label: str | None) -> None:
    assert found(typed) == label


@pytest.mark.parametrize(
    "typed",
    [
        "1 rue de la Paix",  # in several cities
        "boulevard Saint-Germain",
        "5 Saint-Germain",
        "5 boulevard Saint-Germain, Paris 6e",
        "5 boulevard Saint-Germain, Lyon 5e",
        "75005 Paris",
        "5 boulevard Saint-Germain, 75006 Paris",
        "5 boulevard Saint-Germain, 75005 Lyon",
        "6 boulevard Saint-Germain, 75005 Paris",
        "5 boulevard Saint-Germin, 75005 Paris",
        "5 rue Saint-Germain, 75005 Paris",
        "5 bis boulevard Saint-Germain, 75005 Paris",
        "3 c rue de l'Abbé-Grégoire, 75006 Paris",
        "15 mai rue du 7, 75001 Paris",
        "7 rue du 8 Mai rue, 75001 Paris",
        "bis",
        " ,. ",
    ],
)
def test_typing_errors_are_not_guessed(typed: str) -> None:
    assert found(typed) is None


def test_a_house_number_is_moved_only_if_it_is_the_only_number() -> None:
    assert found("8 rue du 7 Mai 75001 Paris") == LABELS[19]
    assert found("7 rue du 8 Mai, 75001 PARIS") == LABELS[20]
    assert found("8 r. du 7 Mai 75001") == LABELS[19]
    assert found("75001 Paris, 8 rue du 7 Mai") is None
    assert found("rue du 8 Mai 7, 75001 Paris") is None


def test_a_house_number_is_told_from_a_number_in_a_street_name() -> None:
    known = Addresses.of([Address("1", "8 rue du 11 Novembre, 75001 Paris", ("1A",))])
    assert known.find("8 r du 11 novembre 75001") is not None
    assert known.find("11 rue du 8 Novembre, 75001 Paris") is None


SHORT = tomllib.loads((Path(personal_space.__file__).parent / "abbreviations.toml").read_text("utf-8"))["words"]
PLAIN = str.maketrans(
    {"é": "e", "è": "e", "ç": "c", "É": "E", "œ": "oe", "Œ": "OE", "ø": "o", "Ł": "L", "ó": "o", "ź": "z", "Þ": "Th"}
)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """Return a known address in another spelling: shortened, without accents, with other separators and capitals."""
    label = draw(st.sampled_from(LABELS))
    words = label.replace("-", " ").replace("'", " ").split()
    if draw(st.booleans()):
        words = [word.translate(PLAIN) for word in words]
    shortened = []
    for word in words:
        folded = word.translate(PLAIN).casefold()
        short = [short for short, full in SHORT.items() if full == folded]
        shortened.append(draw(st.sampled_from([word, *short, *(f"{one}." for one in short)])))
    parts = draw(st.lists(st.sampled_from([" ", "  ", "-", "\u2010", "’", "'", "ʼ", ", ", "\u00a0"]), min_size=40))
    text = "".join(word + part for word, part in zip(shortened, parts, strict=False))
    capitals: list[Callable[[str], str]] = [str, str.upper, str.lower, str.title]
    return label, draw(st.sampled_from(capitals))(text)


@given(written())
def test_any_usual_form_of_a_known_address_finds_it(pair: tuple[str, str]) -> None:
    label, typed = pair
    assert found(typed) == label


@given(st.text())
def test_any_text_finds_an_address_or_none(typed: str) -> None:
    assert found(typed) is None or typed


def test_each_abbreviation_stands_for_one_word_and_is_in_its_plainest_form() -> None:
    for short, full in SHORT.items():
        assert short == short.casefold()
        assert short.isascii()
        assert short.isalpha()
        assert full not in SHORT
