"""The exact text of the two choices on the transmission of data.

The hub keeps the text's version and hash with each decision, and takes an allowance only with a text that it knows. If
you change the text, here or in the catalogue, change `VERSION`, and give the hub the texts before you show them:
`python -m personal_space.consent_text PROVIDER …` prints them as `permit-hub consent-texts add` takes them.
"""

import hashlib
import json
import sys
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


def texts(providers: Sequence[str]) -> list[dict[str, str]]:
    """Return every text about these providers, in each language."""
    found = []
    for language in LANGUAGES:
        with speaking(language):
            about = {"version": f"{VERSION}-{language}", "language": language}
            found += [about | {"choice": choice, "text": text(choice, providers)} for choice in CHOICES]
    return found


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


if __name__ == "__main__":
    print(json.dumps(texts(sys.argv[1:]), ensure_ascii=False, indent=2))
