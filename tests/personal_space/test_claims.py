"""An OpenID provider's claims about a resident: which ones count, and which count as missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from personal_space import claims as said
from personal_space.session import Resident
from personal_space.verified import MOST_RESIDENCES, MOST_VEHICLES, Verified


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


REGISTER = {"register_name": "SIV", "verified_at": "2026-11-30T10:00:00+01:00"}
VEHICLE = REGISTER | {"plate": {"raw": "EF-367-QS", "country": "FR"}, "profiles": ["low_emission"]}
RESIDENCE = REGISTER | {"ban_id": "75114_1834_00010"}
INCOME = REGISTER | {"profiles": ["non_taxable"]}
ALL: dict[str, object] = {
    "verified_vehicles": [VEHICLE],
    "verified_residences": [RESIDENCE],
    "verified_income": INCOME,
}


def test_a_job_says_what_was_verified_of_what_was_typed_and_nothing_else() -> None:
    verified = Verified.of(ALL)
    said = verified.about({"raw": "ef 367 qs", "country": "FR"}, "75114_1834_00010")
    assert said.keys() == {"vehicle", "residence", "income"}
    assert (said["vehicle"], said["residence"]) == (VEHICLE, RESIDENCE)
    assert verified.about({"raw": "EF-367-QS", "country": "BE"}).keys() == set()
    assert verified.about({"raw": "EF-367-QT", "country": "FR"}).keys() == set()
    assert verified.about(ban_id="75114_1834_00024").keys() == set()
    assert verified.about(ban_id="75114_1834_00010") == {"residence": RESIDENCE}


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"residence_verified": True, "vehicle_verified": True},
        {"verified_vehicles": True, "verified_residences": "75114_1834_00010", "verified_income": [INCOME]},
        {"verified_vehicles": VEHICLE},
        {"verified_vehicles": [{**VEHICLE, "plate": "EF-367-QS"}, {**VEHICLE, "verified_at": "yesterday"}, None]},
        {"verified_vehicles": [{**VEHICLE, "register_name": "x" * 41}, {**VEHICLE, "profiles": "low_emission"}]},
        {"verified_vehicles": [{**VEHICLE, "plate": {"raw": "\x00", "country": "FR"}}]},
        {"verified_residences": [{**RESIDENCE, "ban_id": "../etc"}, {"ban_id": "75114_1834_00010"}]},
        {"verified_income": {**INCOME, "profiles": ["Non taxable"]}},
    ],
)
def test_a_malformed_claim_verifies_nothing(claims: dict[str, object]) -> None:
    assert Resident.of(claims | {"sub": "r-1"}, "sub").verified == Verified()


def test_the_session_stays_a_cookie_that_browsers_keep() -> None:
    long = {"register_name": "r" * 40, "verified_at": REGISTER["verified_at"]}
    profiles = ["p" * 32] * 4
    claims = {
        "sub": "r" * 64,
        "name": "n" * 300,
        "verified_vehicles": [long | {"plate": {"raw": "A" * 40, "country": "FRA"}, "profiles": profiles}] * 20,
        "verified_residences": [long | {"ban_id": "7" * 40}] * 20,
        "verified_income": long | {"profiles": profiles},
    }
    resident = Resident.of(claims, "sub")
    assert len(resident.verified.vehicles) == MOST_VEHICLES
    assert len(resident.verified.residences) == MOST_RESIDENCES
    assert len(resident.model_dump_json()) * 4 / 3 < 3_800
