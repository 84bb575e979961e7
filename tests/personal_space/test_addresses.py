"""An address is found with any capitals, accents and commas, and never guessed."""

import re

import pytest
from personal_space.addresses import Addresses
from personal_space.settings import SAMPLE_ADDRESSES

ADDRESSES = Addresses.load(SAMPLE_ADDRESSES)


@pytest.mark.parametrize(
    "typed",
    [
        "12 avenue des Érables, 75013 Paris",
        "12 AVENUE DES ERABLES 75013 PARIS",
        "12 av. des Erables",
        "  12  avenue des e\u0301rables ,75013 paris ",
    ],
)
def test_an_address_is_found(typed: str) -> None:
    found = ADDRESSES.find(typed)
    assert found is not None
    assert found.label == "12 avenue des Érables, 75013 Paris"
    assert found.zones


@pytest.mark.parametrize(
    "typed", ["", "12", "avenue des Érables", "12 bis avenue des Érables", "<b>12 avenue des Érables, 75013 Paris"]
)
def test_another_address_is_not_found(typed: str) -> None:
    assert ADDRESSES.find(typed) is None


def test_the_sample_has_valid_addresses_and_no_spelling_twice() -> None:
    assert len(ADDRESSES.labels) == 10
    for address in ADDRESSES.by_spelling.values():
        assert re.fullmatch(r"[A-Za-z0-9_]{1,40}", address.ban_id)
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,10}", zone) for zone in address.zones)
