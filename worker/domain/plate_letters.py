"""The letters and digits of a plate as typed: letters that look the same are read as one.

`docs/plates.md` has these rules with their reasons.
"""

import re
import unicodedata

from schemas.receipts import RefusalCode
from worker.domain.refusal import JobRefusedError

GAPS = " -"
"""The separators in a tidy plate; a dash where one was typed."""

# Default ignorable characters outside category Cf (DerivedCoreProperties.txt), and the blank of braille.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_SPACES = frozenset({"Zs", "Zl", "Zp"})
# Separators besides spaces, dashes, geometric shapes and signs whose Unicode name is one of `_SHAPE`.
_SEPARATORS = frozenset("\t\n\v\f\r\x85.*|∣_/\\,:'’‘ʼ~+=°")
_SHAPES = range(0x2500, 0x2600)
_SHAPE = re.compile(r"\b(?:BULLET|DOT|POINT|STOP|CIRCLE|RING|SQUARE|DIAMOND|STAR|ASTERISK|CROSS|BAR|LINE|MINUS)\b")
_ARABIC_TATWEEL = "\u0640"  # it only lengthens the letter before it

_SCRIPTS = frozenset(
    {
        *("LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW", "ARMENIAN", "GEORGIAN", "CJK", "HIRAGANA", "KATAKANA"),
        *("HANGUL", "THAI", "LAO", "KHMER", "MYANMAR", "DEVANAGARI", "BENGALI", "SINHALA"),
    }
)
"""The scripts in which some country writes plates; letters of other scripts only imitate these."""

_SMALL_CAPITAL = re.compile("LATIN (?:CAPITAL )?LETTER SMALL CAPITAL ([A-Z])")
_LATIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZÆØĐŁŒÞ")
_MARKS_COUNT = frozenset({"LATIN", "CYRILLIC"})  # elsewhere marks are vowels or accents, which plates leave out
_MARKS_PART = _MARKS_COUNT | {"GREEK", "ARABIC", "HEBREW"}  # in other scripts, a letter with a mark is one letter

_TWINS = str.maketrans(
    # Cyrillic, and then Greek, to Latin
    "АВЕЅІЈКМНОРСТУХҮӀԚԜ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧͿ" + "ÐƉȷ",
    "ABESIJKMHOPCTYXYIQW" + "ABEZHIKMNOPTYXJ" + "ĐĐJ",
) | str.maketrans(
    # Greek to Cyrillic, and Persian and Urdu to Arabic
    "ΓΠΦ" + "کیىہھە",
    "ГПФ" + "كييههه",
)
"""Capitals that look alike: a plate does not show its script, and people type either."""

_PLAIN = frozenset(["AD", "BE", "CH", "ES", "FR", "GB", "IE", "IT", "LI", "LU", "MC", "NL", "PL", "PT", "SM", "TR"])
"""Countries whose plates have only the letters A to Z: there a mark is a typing error."""


def tidy(raw: str, country: str) -> str:
    """Return a plate's letters and digits with one gap where separators were typed: `B-NO 1234`.

    Raises:
        JobRefusedError: INVALID_VALUE of `plate.raw` for a character that no plate can have: control characters,
            markup, symbols, emoji, loose marks, letters of scripts that no plate is written in.
    """
    visible = "".join(c for c in raw if unicodedata.category(c) != "Cf" and not _INVISIBLE.match(c))
    found = "".join(_read(c, country) for c in _capitals(visible))
    return re.sub("[ -]+", lambda gap: "-" if "-" in gap[0] else " ", found).strip(GAPS)


def _capitals(text: str) -> str:
    plain = "".join(map(_full_size, unicodedata.normalize("NFKC", text)))
    return unicodedata.normalize("NFC", plain.casefold().upper())


def _full_size(character: str) -> str:
    found = None if character.isascii() else _SMALL_CAPITAL.fullmatch(unicodedata.name(character, ""))
    return found[1] if found else character


def _read(character: str, country: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    category = unicodedata.category(character)
    if category == "Pd" or character == "−":
        return "-"
    if category in _SPACES or character in _SEPARATORS or _is_shape(character):
        return " "
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    if category in ("Lu", "Lo"):
        return _letter(character, country)
    if character == _ARABIC_TATWEEL or _is_loose_vowel(character):
        return ""
    raise _unreadable()


def _is_shape(character: str) -> bool:
    if ord(character) in _SHAPES:
        return True
    is_sign = not character.isascii() and unicodedata.category(character)[0] in "PS"
    return is_sign and _SHAPE.search(unicodedata.name(character, "")) is not None


def _letter(character: str, country: str) -> str:
    script = _script(character)
    if script not in _SCRIPTS:
        raise _unreadable()
    if script not in _MARKS_PART:
        return character
    apart = unicodedata.normalize("NFD", character)
    base, marks = apart[0].translate(_TWINS), apart[1:]
    script = _script(base)
    if script == "LATIN" and base not in _LATIN:
        raise _unreadable()
    counts = script in _MARKS_COUNT and not (script == "LATIN" and (country in _PLAIN or character == "İ"))
    return unicodedata.normalize("NFC", base + marks) if counts else base


def _is_loose_vowel(character: str) -> bool:
    return unicodedata.category(character) == "Mn" and _script(character) in ("ARABIC", "HEBREW")


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


def _unreadable() -> JobRefusedError:
    return JobRefusedError(RefusalCode.INVALID_VALUE, "plate.raw")
