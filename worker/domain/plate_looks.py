"""How a plate is shown, and whether it looks usual for its country."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from worker.domain.plate_letters import tidy
from worker.domain.plates import Plate, PlateKind, division, is_divided, kind

# Letters that the series leaves out are matched too: no other French plate has this form.
_SIV_FORM = re.compile("([A-Z]{2})([0-9]{3})([A-Z]{2})|([A-Z]{2})([0-9]{2,3})([A-Z])|(W)([0-9]{3})([A-Z]{2})")
_FNI_PARTS = re.compile("([0-9]{1,4})([A-Z]{1,3})(2[AB]|[0-9]{2,3})")

_USUAL: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        country: re.compile(pattern)
        for country, pattern in {
            "AT": "[A-Z]{1,2}(?=.{3,6}$)(?:[1-9][0-9]*[A-Z]+|[A-Z]+[1-9][0-9]*)",
            "BE": "[1-9]?[A-Z]{3}[0-9]{3}|[1-9]?[0-9]{3}[A-Z]{3}|[A-Z][0-9]{3}[A-Z]{2}",
            "CH": "[A-Z]{2}[1-9][0-9]{0,5}",
            "DE": "[A-ZÄÖÜ]{2,5}[1-9][0-9]{0,3}[EH]?",
            "ES": "[0-9]{4}[BCDFGHJ-NPR-TV-Z]{3}|[A-Z]{1,2}[0-9]{4}[A-Z]{1,2}|C[0-9]{4}[A-Z]{3}",
            "GB": "[A-Z]{2}[0-9]{2}[A-Z]{3}|[A-Z]{1,3}[0-9]{1,4}[A-Z]?|[A-Z]?[0-9]{1,4}[A-Z]{1,3}",
            "IT": "[A-Z]{2}[0-9]{3}[A-Z]{2}|[A-Z]{2}[0-9]{5}|[A-Z]{2}[0-9]{6}",
            "LU": "[A-Z]{2}[0-9]{4}|[0-9]{4,6}",
            "NL": "(?=[A-Z0-9]{6}$)(?:[A-Z]{1,3}|[0-9]{1,3})(?:[A-Z]{2,3}|[0-9]{2,3})(?:[A-Z]{1,2}|[0-9]{1,2})",
            "PT": "(?=[A-Z0-9]{6}$)(?:[A-Z]{2}|[0-9]{2}){3}",
        }.items()
    }
)
"""Ordinary plates without gaps, for the countries that most foreign cars come from; lax on purpose.

An unusual plate leads to a question, never to a refusal.
"""
_SHORTEST = 3
_A_DIGIT = re.compile("[^0-9]*[0-9].*")


def shown(plate: Plate) -> str:
    """Return a plate as written: a French one in its official form, any other as typed, but tidy."""
    if plate.country == "FR":
        if found := _SIV_FORM.fullmatch(plate.normalised):
            return "-".join(filter(None, found.groups()))
        if kind(plate) is not PlateKind.OTHER and (found := _FNI_PARTS.fullmatch(plate.normalised)):
            return " ".join(found.groups())
    return tidy(plate.raw, plate.country)


def is_unusual(plate: Plate) -> bool:
    """Return whether a plate looks odd for its country, so that its holder is asked to check it."""
    if plate.country == "FR":
        return kind(plate) is PlateKind.OTHER
    if is_divided(plate) and not division(plate):
        return True
    usual = _USUAL.get(plate.country, _A_DIGIT)
    return len(plate.normalised) < _SHORTEST or not usual.fullmatch(plate.normalised)
