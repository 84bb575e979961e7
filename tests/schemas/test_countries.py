"""A job names an existing country, in one of its accepted spellings."""

import json

import pytest

from schemas.countries import ALIASES, CODES
from schemas.examples import EXAMPLES
from schemas.jobs import ChangeVehicle
from schemas.receipts import RefusalCode
from schemas.validation import InvalidJobError, parse_job

UNREAL = (
    *("AA", "AC", "CP", "CS", "DD", "DG", "EA", "EU", "EZ", "FX", "IC", "OO", "QM", "QO", "QZ", "SU", "TA", "TP"),
    *("UN", "XA", "XB", "XX", "XZ", "YU", "ZR", "ZZ", "K", "Z", "WWW", "FRA", "001", "FR\n", "gb", "fr"),
)


def country_of(code: str) -> str:
    job = EXAMPLES["permit.change_vehicle"] | {"plate": {"raw": "EF-367-QS", "country": code}}
    read = parse_job("permit.change_vehicle", json.dumps(job))
    assert isinstance(read, ChangeVehicle)
    return read.plate.country


@pytest.mark.parametrize(
    "code", ["FR", "DE", "GB", "GR", "XK", "TW", "MA", "UA", "HK", "PS", "BQ", "SX", "AX", "BV", "HM"]
)
def test_a_known_country_keeps_its_code(code: str) -> None:
    assert country_of(code) == code


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("UK", "GB"),
        ("EL", "GR"),
        ("D", "DE"),
        ("F", "FR"),
        ("IRL", "IE"),
        ("FL", "LI"),
        ("S", "SE"),
        ("RKS", "XK"),
        ("RE", "FR"),
    ],
)
def test_another_spelling_is_read_as_the_country(code: str, expected: str) -> None:
    assert country_of(code) == expected


@pytest.mark.parametrize("code", UNREAL)
def test_an_unknown_country_is_refused(code: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        country_of(code)
    assert (caught.value.code, caught.value.field) == (RefusalCode.INVALID_VALUE, "plate.country")


def test_the_countries_are_those_of_iso_and_kosovo() -> None:
    assert len(CODES) == 249 + 1


def test_only_the_french_register_turns_a_countrys_own_code_into_another() -> None:
    assert ALIASES.keys() & CODES == {"GF", "GP", "MQ", "RE", "YT"}
    assert set(ALIASES.values()) <= CODES
