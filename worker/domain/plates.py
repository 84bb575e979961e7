"""Registrations: one spelling for each plate, its kind, and the key that stands for it.

`docs/plates.md` has the rules with their reasons.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from schemas.receipts import RefusalCode
from worker.domain.plate_letters import GAPS, tidy
from worker.domain.refusal import JobRefusedError

MAX_LENGTH = 20  # the tightest limit of a provider; separators do not count

_SIV_PAIR = "(?!SS)[A-HJ-NP-TV-Z]{2}"
_SIV = re.compile(f"{_SIV_PAIR}(?!000)[0-9]{{3}}{_SIV_PAIR}")
_SIV_MOPED = re.compile(f"{_SIV_PAIR}[0-9]{{2,3}}[A-HJ-NP-TV-Z]")
_SIV_GARAGE = re.compile(f"W[0-9]{{3}}{_SIV_PAIR}")
_DEPARTMENT = "(?:0[1-9]|[1-8][0-9]|9[0-5]|2[AB]|97[1-8])"
_FNI = re.compile(f"[1-9][0-9]{{0,3}}[A-Z]{{1,3}}{_DEPARTMENT}")
_FNI_PROVISIONAL = re.compile(f"[1-9][0-9]{{0,3}}WW{_DEPARTMENT}")

_GERMAN = re.compile("([A-ZÄÖÜ]{2,})[0-9]+[EH]?")
_AUSTRIAN = re.compile("([A-Z]{2,})[0-9]+")
_DIVIDED: Mapping[str, re.Pattern[str]] = MappingProxyType({"DE": _GERMAN, "AT": _AUSTRIAN})
"""Countries where the first one to three letters are a district's: B-NO 1 is not BN-O 1.

Elsewhere the lengths are fixed, or digits separate the letters. Austrian plates that end in letters need no division.
"""


class PlateKind(StrEnum):
    """The series that a plate belongs to, by its look."""

    SIV = "siv"  # AA-123-AA, since 2009; AA-123-A for mopeds
    FNI = "fni"  # 1234 AB 75, before
    PROVISIONAL = "provisional"  # WW, and W of garages
    FOREIGN = "foreign"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Plate:
    """A registration: as typed, its letters and digits, and its country (ISO 3166-1 alpha-2)."""

    raw: str = field(repr=False)
    normalised: str = field(repr=False)
    country: str


def parse(raw: str, country: str) -> Plate:
    """Read a plate as typed; its look alone never refuses it.

    Raises:
        JobRefusedError: INVALID_VALUE of `plate.raw` without a letter or digit, or with a character that no plate can
            have; TOO_LONG for more than 20 letters and digits.
    """
    normalised = _joined(tidy(raw, country))
    if not normalised:
        raise JobRefusedError(RefusalCode.INVALID_VALUE, "plate.raw")
    if len(normalised) > MAX_LENGTH:
        raise JobRefusedError(RefusalCode.TOO_LONG, "plate.raw")
    return Plate(raw, normalised, country)


def kind(plate: Plate) -> PlateKind:
    """Classify a plate."""
    if plate.country != "FR":
        return PlateKind.FOREIGN
    if _SIV.fullmatch(plate.normalised) or _SIV_MOPED.fullmatch(plate.normalised):
        return PlateKind.PROVISIONAL if plate.normalised.startswith("WW") else PlateKind.SIV
    if _FNI_PROVISIONAL.fullmatch(plate.normalised) or _SIV_GARAGE.fullmatch(plate.normalised):
        return PlateKind.PROVISIONAL
    return PlateKind.FNI if _FNI.fullmatch(plate.normalised) else PlateKind.OTHER


def is_divided(plate: Plate) -> bool:
    """Return whether a plate is ambiguous without the gap between its first letters."""
    return _divisible(plate) is not None


def division(plate: Plate) -> int:
    """Return how many letters stand before the gap, where a division counts; 0 if no gap was typed.

    No plate has two gaps between its letters: that counts as none.
    """
    letters = _divisible(plate)
    if letters is None:
        return 0
    gaps = []
    read = 0
    for character in tidy(plate.raw, plate.country):
        if character not in GAPS:
            read += 1
        elif read < len(letters):
            gaps.append(read)
    return gaps[0] if len(gaps) == 1 else 0


def plate_key(plate: Plate, key: bytes) -> UUID:
    """Return the key of one vehicle: the first 16 bytes of HMAC-SHA256 of country and plate, as a UUID.

    Where a division counts, it replaces the last byte. So the database finds that a plate without a gap (0) may be
    any of those with one.
    """
    digest = hmac.digest(key, f"{plate.country}:{plate.normalised}".encode(), hashlib.sha256)[:16]
    return UUID(bytes=digest[:15] + bytes([division(plate)]) if is_divided(plate) else digest)


def _divisible(plate: Plate) -> str | None:
    pattern = _DIVIDED.get(plate.country)
    found = pattern.fullmatch(plate.normalised) if pattern else None
    return found[1] if found else None


def _joined(spelt: str) -> str:
    """Return a tidy plate without gaps; NFC joins Korean letters that a gap held apart."""
    return unicodedata.normalize("NFC", spelt.translate({ord(gap): None for gap in GAPS}))
