"""Compare two addresses: a place is known by its identifier, or by its words and zones together."""

import unicodedata
from collections.abc import Collection
from enum import Enum, auto

from worker.domain.pending import Address

Home = tuple[Address, Collection[str]]  # with the zones around it


class Difference(Enum):
    """What differs between two addresses."""

    NONE = auto()
    DETAILS = auto()  # the same place with other words or zones, or under another identifier
    PLACE = auto()


def difference(before: Home, after: Home) -> Difference:
    """Return what differs; capitals, accents, punctuation and the order of zones do not count."""
    (old, old_zones), (new, new_zones) = before, after
    same_id = old.ban_id == new.ban_id
    same_words = _spelling(old.label) == _spelling(new.label) and set(old_zones) == set(new_zones)
    if same_id and same_words:
        return Difference.NONE
    return Difference.DETAILS if same_id or same_words else Difference.PLACE


def _spelling(label: str) -> list[str]:
    letters = unicodedata.normalize("NFKD", label.casefold().replace("œ", "oe").replace("æ", "ae"))
    return "".join(
        letter if letter.isalnum() else " " for letter in letters if not unicodedata.combining(letter)
    ).split()
