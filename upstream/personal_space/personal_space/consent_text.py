"""The exact text of the two choices on the transmission of data.

The hub keeps the text's version and hash with each decision. If you change the text, here or in the catalogue, change
`VERSION`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from permit_hub_client import Consent

from personal_space.language import LANGUAGES, N_, current, gettext, speaking
from personal_space.words import listed

VERSION = "2024-09"

CHOICES: Mapping[str, str] = MappingProxyType(
    {
        "allow": N_(
            "J'autorise la transmission de mes données personnelles aux prestataires %(providers)s. "
            "Ainsi je peux payer mon stationnement résidentiel via une de ces applications mobiles avec mon smartphone."
        ),
        "refuse": N_(
            "Je n'autorise pas la transmission de mes données personnelles aux prestataires %(providers)s. "
            "Je ne pourrai pas payer mon stationnement résidentiel via une de ces applications mobiles. "
            "Je pourrai payer seulement à l'horodateur."
        ),
    }
)


def text(choice: str, providers: Sequence[str]) -> str:
    """Return the text of a choice about these providers, in the request's language."""
    return gettext(CHOICES[choice]) % {"providers": listed(providers)}


def shown() -> str:
    """Return the version and the language of the text on a page; the form sends them back."""
    return f"{VERSION}-{current()}"


def proof(choice: str, providers: Sequence[str], shown: str) -> dict[str, str] | None:
    """Return the version and the SHA-256 of the text that the page showed; the hub keeps them.

    None for an allowance of an outdated text: the resident has not agreed to today's text. A refusal always counts.
    """
    version, _, language = shown.rpartition("-")
    if version != VERSION or language not in LANGUAGES:
        if choice == "allow":
            return None
        language = current()
    with speaking(language):  # the resident may have changed it since
        words = text(choice, providers)
    return {"version": f"{VERSION}-{language}", "sha256": hashlib.sha256(words.encode()).hexdigest()}


def decided(consent: Consent) -> str | None:
    """Return the choice in force; None before the first one, and if it differs between providers."""
    allowed = {one["allowed"] for one in consent["providers"]}
    if consent["version"] == 0 or len(allowed) != 1:
        return None
    return "allow" if allowed == {True} else "refuse"
