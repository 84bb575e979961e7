"""Plates: one spelling, one key, a kind, and no refusal because of a look."""

import unicodedata
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.receipts import RefusalCode
from worker.domain.plates import MAX_LENGTH, Plate, PlateKind, kind, parse, plate_key
from worker.domain.refusal import JobRefusedError

KEY = b"k" * 32
LETTERS_AND_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
SEPARATORS = " -.·•_/'’●*|\\:,■│★\t\r\n\x85\u00a0\u2010\u2011\u2013\u2014\u2028\u2212\u202f\u3000\u05be\uff0d"
SIV_LETTERS = "ABCDEFGHJKLMNPQRSTVWXYZ"

spellings = st.text(LETTERS_AND_DIGITS, min_size=1, max_size=MAX_LENGTH)
countries = st.sampled_from(["FR", "DE", "BE", "GB"])
siv_pairs = st.text(SIV_LETTERS, min_size=2, max_size=2).filter(lambda pair: pair not in ("SS", "WW"))


def parse_or_none(raw: str) -> Plate | None:
    try:
        return parse(raw, "FR")
    except JobRefusedError as refused:
        if refused.field == "plate.raw" and refused.code in (RefusalCode.INVALID_VALUE, RefusalCode.TOO_LONG):
            return None
        raise


@given(st.text(max_size=20) | st.text(st.characters(categories=("L", "Nd", "Zs", "Pd")), max_size=20))
@example("ᄀ-ᅡ-ᆨ 1")
@example("ß-ŉ")
def test_any_text_is_read_or_refused_and_reading_is_idempotent(raw: str) -> None:
    plate = parse_or_none(raw)
    if plate is None:
        return
    assert plate.raw == raw
    assert 1 <= len(plate.normalised) <= MAX_LENGTH
    assert all(unicodedata.category(character) in ("Lu", "Lo", "Nd") for character in plate.normalised)
    assert parse(plate.normalised, "FR").normalised == plate.normalised


@given(spellings, st.data())
def test_case_width_and_separators_make_no_difference(spelling: str, data: st.DataObject) -> None:
    typed = ""
    for character in spelling:
        wide = chr(ord(character) + 0xFEE0)
        typed += data.draw(st.sampled_from([character, character.lower(), wide]))
        typed += data.draw(st.text(SEPARATORS, max_size=2))
    assert parse(typed, "FR").normalised == spelling


@given(spellings, spellings, countries, countries)
def test_keys_are_equal_if_and_only_if_country_and_spelling_are(
    one: str, other: str, one_country: str, other_country: str
) -> None:
    same = (one, one_country) == (other, other_country)
    keys = plate_key(parse(one, one_country), KEY), plate_key(parse(other, other_country), KEY)
    assert (keys[0] == keys[1]) is same


def test_a_key_depends_on_the_secret_and_not_on_the_typing() -> None:
    typed = [plate_key(parse(raw, "FR"), KEY) for raw in ("EF-367-QS", "ef 367 qs", "EF367QS", "ef.367–qs")]
    assert set(typed) == {UUID("a85a4282-5f84-04c4-6d59-3e539aeff471")}
    assert plate_key(parse("EF-367-QS", "FR"), b"x" * 32) not in typed
    assert plate_key(parse("EF-367-QS", "BE"), KEY) not in typed


@given(siv_pairs, st.integers(1, 999), siv_pairs)
def test_every_plate_of_the_french_series_is_known(left: str, number: int, right: str) -> None:
    assert kind(parse(f"{left}-{number:03}-{right}", "FR")) is PlateKind.SIV


@pytest.mark.parametrize(
    "barred", ["IA-123-AA", "AO-123-AA", "AA-123-UA", "AA-123-AI", "SS-123-AA", "AA-123-SS", "AA-000-AA"]
)
def test_the_french_series_leaves_out_i_o_u_ss_and_000(barred: str) -> None:
    assert kind(parse(barred, "FR")) is PlateKind.OTHER


DEPARTMENTS = [*(f"{number:02}" for number in range(1, 96)), "2A", "2B", *(str(number) for number in range(971, 979))]


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_the_former_series_is_known_in_every_department(department: str) -> None:
    assert kind(parse(f"1234 AB {department}", "FR")) is PlateKind.FNI
    assert kind(parse(f"12 ABC {department}", "FR")) is PlateKind.FNI
    assert kind(parse(f"1 A {department}", "FR")) is PlateKind.FNI
    assert kind(parse(f"123 WW {department}", "FR")) is PlateKind.PROVISIONAL


@pytest.mark.parametrize(
    "raw", ["1234 AB 00", "1234 AB 96", "1234 AB 2C", "1234 AB 979", "12345 AB 75", "0 AB 75", "12 ABCD 75"]
)
def test_the_former_series_has_no_other_department_or_shape(raw: str) -> None:
    assert kind(parse(raw, "FR")) is PlateKind.OTHER


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("EF-367-QS", "FR", PlateKind.SIV),
        ("AA-111-AA", "FR", PlateKind.SIV),
        ("PO-456-VB", "FR", PlateKind.OTHER),
        ("WW-123-AB", "FR", PlateKind.PROVISIONAL),
        ("W-123-AB", "FR", PlateKind.PROVISIONAL),
        ("AA-123-B", "FR", PlateKind.SIV),
        ("AA-12-B", "FR", PlateKind.SIV),
        ("AB-123-WW", "FR", PlateKind.SIV),
        ("EF-367-QS", "BE", PlateKind.FOREIGN),
        ("M-Ä 1234", "DE", PlateKind.FOREIGN),
        ("А 123 ВС 77", "RU", PlateKind.FOREIGN),
        ("1", "FR", PlateKind.OTHER),
    ],
)
def test_plates_are_classified_and_never_refused_for_their_look(raw: str, country: str, expected: PlateKind) -> None:
    assert kind(parse(raw, country)) is expected


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " ",
        "- . -",
        "\u200b\u3164\ufeff",
        "●*|",
        "AB\x00123",
        "AB\x1b123",
        "AB\x1c123",
        "AB\x7f123",
        "<b>AB123",
        "AB&amp;1",
        "AB123CD🚗",
        "🇫🇷AB123CD",
        "AB1️⃣23CD",
        'AB"123',
        "AB;123",
        "AB(123)",
        "AB½",
        "AB\ue000",
        "A\u0489B1",
        "A\u0338B1",
        "ᎪᏴ123",
        "ꓮꓐ123",
        "Ɓ123",
        "ﷺ" * 3,
    ],
)
def test_a_character_that_no_plate_can_have_is_refused(raw: str) -> None:
    assert parse_or_none(raw) is None


@given(spellings)
def test_a_refusal_and_a_repr_show_no_plate(spelling: str) -> None:
    assert repr(parse(spelling, "FR")) == str(parse(spelling, "FR")) == "Plate(country='FR')"
    with pytest.raises(JobRefusedError) as caught:
        parse(f"{spelling}<", "FR")
    assert str(caught.value) == "invalid_value (plate.raw)"
