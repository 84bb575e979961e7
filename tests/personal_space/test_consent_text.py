"""The hub keeps a proof of the exact text that residents agreed to."""

import hashlib
from collections.abc import Iterator

import pytest
from permit_hub_client import Consent, ProviderState
from personal_space import consent_text, language

APPS = ["paybyphone", "flowbird", "easypark", "indigo_neo"]
NAMES = "PayByPhone, Flowbird, EasyPark, Indigo Neo"


@pytest.fixture(autouse=True)
def _in_french() -> Iterator[None]:
    language.use("fr")
    yield
    language.use("fr")


def test_the_two_choices_have_the_text_of_the_residents_guide() -> None:
    assert consent_text.text("allow", APPS) == (
        f"J'autorise la transmission de mes données personnelles aux prestataires {NAMES}. Ainsi je peux payer mon "
        "stationnement résidentiel via une de ces applications mobiles avec mon smartphone."
    )
    assert consent_text.text("refuse", APPS) == (
        f"Je n'autorise pas la transmission de mes données personnelles aux prestataires {NAMES}. Je ne pourrai pas "
        "payer mon stationnement résidentiel via une de ces applications mobiles. Je pourrai payer seulement à "
        "l'horodateur."
    )


def test_the_proof_is_of_the_shown_text_language_and_providers() -> None:
    proofs = set()
    for name in language.LANGUAGES:
        for choice in ("allow", "refuse"):
            for providers in (APPS, APPS[:3]):
                with language.speaking(name):
                    words, shown = consent_text.text(choice, providers), consent_text.shown()
                proof = consent_text.proof(choice, providers, shown)  # the resident has changed the language since
                assert proof == {"version": shown, "sha256": hashlib.sha256(words.encode()).hexdigest()}
                proofs.add(proof["sha256"])
    assert len(proofs) == 8
    assert language.current() == "fr"


@pytest.mark.parametrize("shown", ["", "2020-01-fr", "fr", "2024-09-de", "2024-09"])
def test_there_is_no_proof_of_an_outdated_text(shown: str) -> None:
    assert consent_text.proof("allow", APPS, shown) is None


def test_no_box_is_ticked_before_the_first_choice_or_if_providers_differ() -> None:
    assert consent_text.decided(consent(0, False, False)) is None
    assert consent_text.decided(consent(1, True, True)) == "allow"
    assert consent_text.decided(consent(2, False, False)) == "refuse"
    assert consent_text.decided(consent(2, True, False)) is None


def consent(version: int, *allowed: bool) -> Consent:
    providers: list[ProviderState] = [
        {"provider": name, "allowed": one, "state": "nothing", "confirmed_at": None}
        for name, one in zip(APPS, allowed, strict=False)
    ]
    return {"version": version, "updated_at": None, "providers": providers}
