"""One vehicle has one key for all spellings of its plate; two vehicles have two keys."""

import unicodedata
from uuid import UUID

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from schemas.receipts import RefusalCode
from worker.domain.plate_looks import is_unusual, shown
from worker.domain.plates import MAX_LENGTH, division, parse, plate_key
from worker.domain.refusal import JobRefusedError

KEY = b"k" * 32
LETTERS, DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
COUNTRIES = ["FR", "DE", "AT", "SE", "UA", "MA", "GB"]
PLAIN = ["AD", "BE", "CH", "ES", "FR", "GB", "IE", "IT", "LI", "LU", "MC", "NL", "PL", "PT", "SM", "TR"]

every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
ZEROS = [c for c in every if unicodedata.category(c) == "Nd" and unicodedata.decimal(c) == 0]
INVISIBLE = [c for c in every if unicodedata.category(c) == "Cf"] + [
    *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065\u2800\u3164\uffa0\ufff0\ufff8",
    *(chr(code) for code in range(0xFE00, 0xFE10)),
    *(chr(code) for code in range(0xE0100, 0xE01F0)),
    *"\U000e0000\U000e0080\U000e0fff",
]
SEPARATORS = [c for c in every if unicodedata.category(c) in ("Zs", "Zl", "Zp", "Pd")] + list(
    "\t\n\r●*|·•./_\\★■│~+=°⬤⚪⚫◦∘⁃∙⋅・･✱⁎❘⎯⏐❖✚➖˗。⭐🔵🔹"
)

TWINS = {
    **dict(zip("ABEKMHOPCTYXISJ", "АВЕКМНОРСТУХІЅЈ", strict=True)),
    "Z": "Ζ",
    "N": "Ν",
}
GREEK = dict(zip("ABEZHIKMNOPTYX", "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", strict=True))
SMALL_CAPITALS = dict(zip("ABCDEGHIJKLMNOPRSTUVWYZ", "ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", strict=True))


def forms(character: str) -> list[str]:
    """Return characters that look like a letter or digit, or have its value."""
    if character in DIGITS:
        return [chr(ord(zero) + int(character)) for zero in ZEROS] + [
            "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(character)],
            "⓪①②③④⑤⑥⑦⑧⑨"[int(character)],
        ]
    place = LETTERS.index(character)
    found = [chr(start + place) for start in (0x41, 0x61, 0xFF21, 0xFF41, 0x1D400, 0x1D41A, 0x1D670, 0x24B6, 0x24D0)]
    for table in (TWINS, GREEK):
        if character in table:
            found += [table[character], table[character].lower()]
    return found + ([SMALL_CAPITALS[character]] if character in SMALL_CAPITALS else [])


def key(raw: str, country: str) -> UUID:
    return plate_key(parse(raw, country), KEY)


plates = st.text(LETTERS + DIGITS, min_size=1, max_size=MAX_LENGTH)
countries = st.sampled_from(COUNTRIES)
unseen = st.text(INVISIBLE, max_size=3)
anything = st.text(st.sampled_from(INVISIBLE + SEPARATORS), max_size=3)
one_gap = st.tuples(unseen, st.text(SEPARATORS, min_size=1, max_size=2), unseen).map("".join)


@st.composite
def typed(draw: st.DrawFn, plate: str) -> str:
    """Spell a plate in letters and digits that look like its own."""
    return "".join(draw(unseen) + draw(st.sampled_from(forms(character))) for character in plate) + draw(unseen)


@given(plates, countries, st.data())
def test_decorating_an_undivided_plate_does_not_change_its_key(plate: str, country: str, data: st.DataObject) -> None:
    assert key(data.draw(typed(plate)), country) == key(plate, country)


@given(plates, st.sampled_from(["FR", "SE", "UA", "MA", "GB"]), st.data())
def test_separators_without_meaning_do_not_change_the_key(plate: str, country: str, data: st.DataObject) -> None:
    separated = "".join(data.draw(anything) + data.draw(typed(character)) for character in plate)
    assert key(separated + data.draw(anything), country) == key(plate, country)


@pytest.mark.parametrize("character", INVISIBLE, ids=lambda c: f"U+{ord(c):04X}")
def test_invisible_characters_are_dropped(character: str) -> None:
    assert parse(f"{character}AB-1{character}23{character}-CD{character}", "FR").normalised == "AB123CD"


@pytest.mark.parametrize("character", SEPARATORS, ids=lambda c: f"U+{ord(c):04X}")
def test_every_separator_is_dropped(character: str) -> None:
    assert parse(f"AB{character}123{character}CD", "FR").normalised == "AB123CD"


@pytest.mark.parametrize("zero", ZEROS, ids=lambda c: f"U+{ord(c):04X}")
def test_every_decimal_digit_counts_by_its_value(zero: str) -> None:
    assert parse("AB" + "".join(chr(ord(zero) + value) for value in range(10)), "MA").normalised == "AB0123456789"


districts = st.text(LETTERS + "ÄÖÜ", min_size=1, max_size=3)
own_letters = st.text(LETTERS, min_size=1, max_size=2)
numbers = st.integers(1, 9999)


@given(districts, own_letters, numbers, st.sampled_from(["", "E", "H"]), st.data())
def test_a_german_division_counts_with_any_separator(
    district: str, own: str, number: int, suffix: str, data: st.DataObject
) -> None:
    first = data.draw(st.sampled_from([district, district.lower(), unicodedata.normalize("NFD", district)]))
    between, after = data.draw(one_gap), data.draw(one_gap | st.just(""))
    plain = key(f"{district}-{own} {number}{suffix}", "DE")
    assert key(f"{first}{between}{own.lower()}{after}{number}{suffix}", "DE") == plain
    whole = district + own
    others = {key(f"{whole[:at]}-{whole[at:]} {number}{suffix}", "DE") for at in range(1, len(whole))}
    assert len(others) == len(whole) - 1
    assert plain in others
    assert key(f"{whole}{number}{suffix}", "DE") not in others


@given(plates, st.integers(0, MAX_LENGTH - 1), st.sampled_from(LETTERS + DIGITS + "ÄÖÜÅÆØБДЖب"))
def test_one_different_letter_or_digit_makes_another_plate(plate: str, place: int, other: str) -> None:
    place %= len(plate)
    assume(plate[place] != other)
    changed = plate[:place] + other + plate[place + 1 :]
    assert key(changed, "SE") != key(plate, "SE")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=24), countries)
@example("B-NO 1234", "DE")
@example("ᄀ-ᅡ-ᆨ 1", "KR")
@example("٧٧٧٨١-ب-٩", "MA")
@example("N-O-A 1", "DE")
@example("1234 AB 2A", "FR")
def test_a_shown_plate_reads_as_the_same_plate(raw: str, country: str) -> None:
    try:
        plate = parse(raw, country)
    except JobRefusedError:
        return
    again = parse(shown(plate), country)
    assert (again.normalised, plate_key(again, KEY)) == (plate.normalised, plate_key(plate, KEY))
    assert shown(again) == shown(plate)
    assert is_unusual(again) is is_unusual(plate)


@pytest.mark.parametrize(
    ("one", "other", "country"),
    [
        ("АА 1234 ВВ", "AA 1234 BB", "UA"),
        ("аа1234вв", "AA1234BB", "UA"),
        ("ΑΒΕ-1234", "ABE-1234", "GR"),
        ("νικ-1234", "NIK-1234", "GR"),
        ("Ї 12", "Ï 12", "UA"),
        ("ΓΠΦ 1", "ГПФ 1", "RU"),
        ("M-Ö 1", "M-O\u0308 1", "DE"),
        ("m-ö 1", "M-O\u200b\u0308 1", "DE"),
        ("Å 12", "A\u030a 12", "SE"),
        ("77781-هـ-9", "٧٧٧٨١ ه ٩", "MA"),
        ("1 أ 2", "1 ا 2", "MA"),
        ("۱۲ ی ۳۴۵", "12 ي 345", "IR"),
        ("12 ە 345", "12 ه 345", "IR"),
        ("34 İB 12", "34 IB 12", "TR"),
        ("34 İB 12", "34 IB 12", "DE"),
        ("34 ıb 12", "34 IB 12", "TR"),
        *(("ÉÀ-123-AA", "EA-123-AA", country) for country in PLAIN),
        ("ÐA 12", "ĐA 12", "HR"),
        ("ß-A 1", "SS-A 1", "DE"),
        ("ẞ-A 1", "SS-A 1", "DE"),
        ("Ⅳ 12", "IV 12", "RO"),
        ("❶❷ AB", "12 AB", "RO"),
    ],
)
def test_letters_that_look_alike_are_one(one: str, other: str, country: str) -> None:
    assert key(one, country) == key(other, country)


@pytest.mark.parametrize(
    ("one", "other", "country"),
    [
        ("M-Ö 1", "M-O 1", "DE"),
        ("Å 12", "A 12", "SE"),
        ("ŠI 12", "SI 12", "HR"),
        ("Ø 12", "O 12", "NO"),
        ("Б 12", "B 12", "RU"),
        ("Й 12", "И 12", "RU"),
        ("O 1", "0 1", "GB"),
        ("I 1", "1 1", "GB"),
        ("ب 1", "ت 1", "MA"),
        ("B-NO 1234", "BN-O 1234", "DE"),
        ("BNO 1234", "B-NO 1234", "DE"),
        ("W-UAB 1", "WU-AB 1", "AT"),
    ],
)
def test_different_plates_have_different_keys(one: str, other: str, country: str) -> None:
    assert key(one, country) != key(other, country)


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("B-NO 1234", "DE", 1),
        ("BN O1234E", "DE", 2),
        ("BNO 1234", "DE", 0),
        ("B-N-O 1234", "DE", 0),
        ("M 1234", "DE", 0),
        ("0-17-1", "DE", 0),
        ("W LAN 1", "AT", 1),
        ("G U 123 AB", "AT", 0),
        ("A-B 1234", "FR", 0),
    ],
)
def test_a_division_counts_where_it_distinguishes_two_plates(raw: str, country: str, expected: int) -> None:
    assert division(parse(raw, country)) == expected


@pytest.mark.parametrize(
    ("raw", "country", "written"),
    [
        ("gh578kl", "FR", "GH-578-KL"),
        ("G H 5 7 8 K L", "FR", "GH-578-KL"),
        ("po 456 vb", "FR", "PO-456-VB"),
        ("ww123aa", "FR", "WW-123-AA"),
        ("w123aa", "FR", "W-123-AA"),
        ("aa123b", "FR", "AA-123-B"),
        ("AA 12 B", "FR", "AA-12-B"),
        ("1234-ab-75", "FR", "1234 AB 75"),
        ("12ab2a", "FR", "12 AB 2A"),
        ("1a971", "FR", "1 A 971"),
        ("123ww75", "FR", "123 WW 75"),
        ("1234  ab - 99", "FR", "1234 AB-99"),
        ("\u200fb–no\u00a0 1234.", "DE", "B-NO 1234"),
        ("aa 1234 вв", "UA", "AA 1234 BB"),
        ("٧٧٧٨١●ب●٩", "MA", "77781 ب 9"),
        ("ab12cde", "GB", "AB12CDE"),
    ],
)
def test_a_plate_is_shown_as_it_is_written(raw: str, country: str, written: str) -> None:
    assert shown(parse(raw, country)) == written


@pytest.mark.parametrize(
    ("raw", "country"),
    [
        ("GH-578-KL", "FR"), ("1234 AB 75", "FR"), ("WW-123-AA", "FR"), ("AA-123-B", "FR"), ("B-NO 1234", "DE"),
        ("M-A 1H", "DE"), ("GU 123 AB", "AT"), ("W 12345 A", "AT"), ("1-ABC-234", "BE"), ("GE 123456", "CH"),
        ("1234 BCD", "ES"), ("AB12 CDE", "GB"), ("AB 123 CD", "IT"), ("AB 1234", "LU"), ("12-ABC-3", "NL"),
        ("AA-12-BB", "PT"), ("AA 1234 BB", "UA"), ("77781-ب-9", "MA"),
    ],
)  # fmt: skip
def test_an_ordinary_plate_is_not_unusual(raw: str, country: str) -> None:
    assert not is_unusual(parse(raw, country))


@pytest.mark.parametrize(
    ("raw", "country"),
    [
        ("PO-456-VB", "FR"),
        ("B-NO 1234", "FR"),
        ("BNO1234", "DE"),
        ("MA 12", "DE"),
        ("WUAB1", "AT"),
        ("A1", "PL"),
        ("ABC", "SE"),
    ],
)
def test_a_plate_that_is_odd_or_ambiguous_is_unusual(raw: str, country: str) -> None:
    assert is_unusual(parse(raw, country))


@pytest.mark.parametrize(("raw", "code"), [("X" * 21, RefusalCode.TOO_LONG), (" - ", RefusalCode.INVALID_VALUE)])
def test_length_is_counted_without_separators(raw: str, code: RefusalCode) -> None:
    assert parse("-X-" * 20, "SE").normalised == "X" * 20
    with pytest.raises(JobRefusedError) as caught:
        parse(raw, "SE")
    assert (caught.value.code, caught.value.field) == (code, "plate.raw")
