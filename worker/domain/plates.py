"""Registrations: one spelling for each plate, its kind, and a key that stands in for it."""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from schemas.receipts import RefusalCode
from worker.domain.refusal import RefusedError

MAX_LENGTH = 20  # the tightest provider's; compatibility characters can grow when they are unfolded

_SEPARATORS = frozenset(".·•_/,:'’−")  # beside every space and every dash of Unicode
_SEPARATING = frozenset({"Zs", "Pd"})
_MEANINGFUL = frozenset({"Lu", "Lo", "Nd"})  # foreign plates have letters of their own, upper-cased here

_SIV_PAIR = "(?!SS)[A-HJ-NP-TV-Z]{2}"
_SIV = re.compile(f"{_SIV_PAIR}(?!000)[0-9]{{3}}{_SIV_PAIR}")
_DEPARTMENT = "(?:0[1-9]|[1-8][0-9]|9[0-5]|2[AB]|97[1-8])"
_FNI = re.compile(f"[1-9][0-9]{{0,3}}[A-Z]{{1,3}}{_DEPARTMENT}")
_FNI_PROVISIONAL = re.compile(f"[1-9][0-9]{{0,3}}WW{_DEPARTMENT}")


class PlateKind(StrEnum):
    """The series a plate belongs to, by its look."""

    SIV = "siv"  # AA-123-AA, since 2009
    FNI = "fni"  # 1234 AB 75, before
    PROVISIONAL = "provisional"  # WW
    FOREIGN = "foreign"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Plate:
    """A registration as it was typed, in its one spelling, and its country (ISO 3166-1 alpha-2)."""

    raw: str = field(repr=False)
    normalised: str = field(repr=False)
    country: str


def parse(raw: str, country: str) -> Plate:
    """Read a plate as it was typed; its look alone never refuses it.

    Raises:
        RefusedError: INVALID_VALUE of `plate.raw` when no letter or digit is left, or when it has a character that no
            plate can have (control characters, markup, symbols), or unfolds to more than 20 characters.
    """
    letters = "".join(filter(_is_meaningful, unicodedata.normalize("NFKC", raw).upper()))
    normalised = unicodedata.normalize("NFKC", letters)  # again: Korean letters join once nothing separates them
    if not 0 < len(normalised) <= MAX_LENGTH:
        raise RefusedError(RefusalCode.INVALID_VALUE, "plate.raw")
    return Plate(raw, normalised, country)


def _is_meaningful(character: str) -> bool:
    category = unicodedata.category(character)
    if category in _MEANINGFUL:
        return True
    if category in _SEPARATING or character in _SEPARATORS:
        return False
    raise RefusedError(RefusalCode.INVALID_VALUE, "plate.raw")


def kind(plate: Plate) -> PlateKind:
    """Classify a plate."""
    if plate.country != "FR":
        return PlateKind.FOREIGN
    if _SIV.fullmatch(plate.normalised):
        return PlateKind.PROVISIONAL if plate.normalised.startswith("WW") else PlateKind.SIV
    if _FNI_PROVISIONAL.fullmatch(plate.normalised):
        return PlateKind.PROVISIONAL
    return PlateKind.FNI if _FNI.fullmatch(plate.normalised) else PlateKind.OTHER


def plate_key(plate: Plate, key: bytes) -> UUID:
    """Return the keyed hash of country and plate: the first 16 bytes of HMAC-SHA256, as a UUID of no version."""
    digest = hmac.digest(key, f"{plate.country}:{plate.normalised}".encode(), hashlib.sha256)
    return UUID(bytes=digest[:16])
