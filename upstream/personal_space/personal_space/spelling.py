"""Match the spellings of a French address: accents, ligatures, abbreviations, order of words.

Typing errors are not guessed: a wrong or missing letter makes another address.
"""

import re
import tomllib
import unicodedata
from pathlib import Path

_KNOWN = tomllib.loads((Path(__file__).parent / "abbreviations.toml").read_text(encoding="utf-8"))
_WORDS: dict[str, str] = _KNOWN["words"]
_REPETITIONS: dict[str, str] = _KNOWN["repetitions"]
_DISTRICTS: dict[str, str] = _KNOWN["districts"]
_SMALL = frozenset(("a", "au", "aux", "d", "de", "des", "du", "et", "l", "la", "le", "les"))
_WHOLE = {  # letters that Unicode does not decompose
    "œ": "oe",
    "æ": "ae",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "ħ": "h",
    "ŧ": "t",
    "ŋ": "n",
    "ı": "i",
}
_LETTERS = str.maketrans(_WHOLE)
_NUMBER = re.compile(r"(\d+)([a-z]+)")  # 3bis, 3B
_POSTCODE = re.compile(r"\d{5}")
_NUMBER_SIGN = re.compile(r"^no? ?(?=\d)")  # n° 5
_NOTRE_DAME = re.compile(r"\bn d\b")  # N.-D.
_DISTRICT = re.compile(rf"\b({'|'.join(_DISTRICTS)}) (\d{{1,2}}) ?(?:e|er|eme)?(?: arrondissement)?$")
_PASSY = {"75116": "75016"}  # a district with two postcodes; residents write either


def plain(text: str) -> str:
    """Return a text without case, accents, ligatures and punctuation."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()).translate(_LETTERS)
    kept = "".join(_plain_letter(letter) for letter in letters)
    return " ".join(kept.split())


def meaning(text: str) -> str:
    """Return an address's words, written out and in a fixed order: the same for every usual spelling."""
    return _in_order(_words(text))


def meanings(label: str) -> set[str]:
    """Return the meanings of a known address: its street, with or without postcode and city."""
    words = _words(label)
    place = next((at for at, word in enumerate(words) if at > 0 and _POSTCODE.fullmatch(word)), None)
    if place is None:
        return {_in_order(words)}
    street, postcode, city = words[:place], words[place : place + 1], words[place + 1 :]
    return {_in_order([*street, *rest]) for rest in ([], postcode, city, postcode + city)}


def _words(text: str) -> list[str]:
    spelt = _NOTRE_DAME.sub("nd", _NUMBER_SIGN.sub("", plain(text)))
    words = [part for word in _DISTRICT.sub(_postcode, spelt).split() for part in _NUMBER.sub(r"\1 \2", word).split()]
    written: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        full = _REPETITIONS.get(word, word) if before.isdecimal() else _PASSY.get(word, word)
        if not (_POSTCODE.fullmatch(full) and full in written):  # `75005 Paris 5e` has the postcode twice
            written += _WORDS.get(full, full).split()
    return written


def _postcode(district: re.Match[str]) -> str:
    """Return `75005 paris` for `paris 5e`."""
    city, number = district.groups()
    return f"{_DISTRICTS[city]}{int(number):02} {city}"


def _in_order(words: list[str]) -> str:
    """Put the house number with its repetition (bis, ter) first, then the other words sorted; drop small words."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1].isdecimal() and word in _REPETITIONS.values():
            joined[-1] += f" {word}"
        elif word not in _SMALL:
            joined.append(word)
    house = _house(joined)
    return " ".join([*joined[house : house + 1], "|", *sorted(joined[:house] + joined[house + 1 :])])


def _house(words: list[str]) -> int:
    """Return the index of the house number: the first word, or the only number beside the postcode; else the end."""
    numbers = [at for at, word in enumerate(words) if word[0].isdecimal() and not _POSTCODE.fullmatch(word)]
    return numbers[0] if len(numbers) == 1 or numbers[:1] == [0] else len(words)


def _plain_letter(letter: str) -> str:
    kind = unicodedata.category(letter)
    if kind in ("Mn", "Me", "Cf"):  # accents, and invisible characters such as a soft hyphen
        return ""
    return letter if letter.isalnum() and kind != "Lm" else " "  # Lm: ʼ
