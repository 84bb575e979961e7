"""An OpenID provider's claims about a resident: which ones count, and which count as missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from personal_space import claims as said
from personal_space.session import Resident


@pytest.mark.parametrize(
    ("claims", "theirs"),
    [
        ({}, True),  # most providers have only verified addresses, and no such claim
        ({"email_verified": True}, True),
        ({"email_verified": "true"}, True),
        ({"email_verified": " TRUE "}, True),
        ({"email_verified": False}, False),
        ({"email_verified": "false"}, False),
        ({"email_verified": "False"}, False),
        ({"email_verified": ""}, False),
        ({"email_verified": "yes"}, False),
        ({"email_verified": None}, False),
        ({"email_verified": 1}, False),
        ({"email_verified": 0}, False),
        ({"email_verified": [True]}, False),
        ({"email_verified": {}}, False),
    ],
)
def test_an_email_counts_as_verified_if_the_claim_is_true_or_missing(claims: dict[str, object], theirs: bool) -> None:
    assert said.email_is_theirs(claims) is theirs


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Zoé Essai", "given_name": "Z", "family_name": "E"}, "Zoé Essai"),
        ({"given_name": "Zoé", "family_name": "Essai", "preferred_username": "zoe"}, "Zoé Essai"),
        ({"name": "", "given_name": "Zoé"}, "Zoé"),
        ({"name": "  ", "family_name": "Essai", "given_name": None}, "Essai"),
        ({"name": None, "preferred_username": "zoe"}, "zoe"),
        ({"name": ["Zoé"], "given_name": {"x": 1}, "family_name": 7, "preferred_username": True}, ""),
        ({"name": "Zoé\r\n\u2028 Essai\x00"}, "Zoé Essai"),
        ({"name": "Zoé\u2028Essai"}, "Zoé Essai"),
        ({"name": "é" * 300}, "é" * 200),
        ({"name": "é" * 199 + " Essai"}, "é" * 199),
        ({}, ""),
    ],
)
def test_the_best_name_claim_is_used(claims: dict[str, object], name: str) -> None:
    assert said.name(claims) == name
    assert Resident.of(claims | {"sub": "r-1"}, "sub").name == name


@given(st.dictionaries(st.sampled_from(("name", "given_name", "family_name", "preferred_username", "email")), st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text()), st.dictionaries(st.text(), st.text())
)))  # fmt: skip
def test_a_text_claim_is_one_printable_line_or_empty(claims: dict[str, object]) -> None:
    for found in (said.name(claims), said.email(claims)):
        assert found.isprintable()
        assert found == found.strip()
    assert len(said.name(claims)) <= said.LONGEST_NAME
