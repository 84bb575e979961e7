"""Countries of registration: ISO 3166-1 alpha-2, and the other spellings that are accepted."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from babel.core import get_global
from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

# Every ISO code that has a time zone, from the Unicode CLDR: none is reserved, withdrawn or a group of countries.
# BV and HM have no inhabitants and so no zone. XK is no ISO code, but it is commonly used for Kosovo.
CODES = frozenset({code for code in get_global("zone_territories").values() if code.isalpha()} - {"ZZ"}) | {
    "BV",
    "HM",
    "XK",
}

_OTHER_CODES = {"UK": "GB", "EL": "GR"}  # the sign of British cars, and the European Union's code
_SIGNS = {  # of vehicles from Europe (UNECE), unless the sign is another country's ISO code
    "A": "AT",
    "AND": "AD",
    "B": "BE",
    "BIH": "BA",
    "D": "DE",
    "E": "ES",
    "EST": "EE",
    "F": "FR",
    "FIN": "FI",
    "FL": "LI",
    "GBZ": "GI",
    "H": "HU",
    "I": "IT",
    "IRL": "IE",
    "L": "LU",
    "M": "MT",
    "MNE": "ME",
    "N": "NO",
    "NMK": "MK",
    "P": "PT",
    "RKS": "XK",
    "RSM": "SM",
    "RUS": "RU",
    "S": "SE",
    "SLO": "SI",
    "SRB": "RS",
    "V": "VA",
}
# ISO has codes for these départements; their vehicles are in the French register, under French plates.
_FRENCH_REGISTER = dict.fromkeys(("GF", "GP", "MQ", "RE", "YT"), "FR")
ALIASES: Mapping[str, str] = MappingProxyType(_OTHER_CODES | _SIGNS | _FRENCH_REGISTER)
"""Other spellings of a country, with its code."""


def _country(code: str) -> str:
    """Return the code of a country.

    Raises:
        PydanticCustomError: there is no such country.
    """
    known = ALIASES.get(code, code)
    if known not in CODES:
        raise PydanticCustomError("country_unknown", "no country has this code")
    return known


CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,3}$"), AfterValidator(_country)]
