"""The two choices on the transmission of data, word for word as residents are shown them.

What a resident agrees to is these very words: the hub keeps their version and hash with each decision. Whoever changes
one, here or in the catalogue, changes `VERSION`.
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
    """Return a choice in this request's language, about these providers."""
    return gettext(CHOICES[choice]) % {"providers": listed(providers)}


def shown() -> str:
    """Return the version and the language of the words that a page shows, for its form to bring back."""
    return f"{VERSION}-{current()}"


def proof(choice: str, providers: Sequence[str], shown: str) -> dict[str, str] | None:
    """Return what the hub keeps of the words that were shown, their version and SHA-256.

    None when the page showed others than those of today, and nobody may be held to have agreed to these. A refusal
    counts whatever was shown.
    """
    version, _, language = shown.rpartition("-")
    if version != VERSION or language not in LANGUAGES:
        if choice == "allow":
            return None
        language = current()
    with speaking(language):  # the resident may have chosen another one since
        words = text(choice, providers)
    return {"version": f"{VERSION}-{language}", "sha256": hashlib.sha256(words.encode()).hexdigest()}


def decided(consent: Consent) -> str | None:
    """Return the choice that is in force for all providers alike; None before the first, and where they differ."""
    allowed = {one["allowed"] for one in consent["providers"]}
    if consent["version"] == 0 or len(allowed) != 1:
        return None
    return "allow" if allowed == {True} else "refuse"
