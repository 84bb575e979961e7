"""The city's addresses: how a resident writes one, its identifier in the national base, and its parking zones.

The sample has a few streets. A city puts its own file there, or its address service behind `find`.
"""

import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Address:
    """One address of the city, as the hub takes it."""

    ban_id: str
    label: str
    zones: tuple[str, ...]

    @property
    def fields(self) -> dict[str, object]:
        """Return it as a job carries it."""
        return {"address": {"ban_id": self.ban_id, "label": self.label}, "zones": list(self.zones)}


@dataclass(frozen=True, slots=True)
class Addresses:
    """All addresses by their spelling without case, accents and punctuation."""

    by_spelling: Mapping[str, Address]

    @classmethod
    def load(cls, path: Path) -> "Addresses":
        """Read a TOML file with `[[address]]` tables of `ban_id`, `label` and `zones`."""
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["address"]
        found = (Address(row["ban_id"], row["label"], tuple(row["zones"])) for row in rows)
        return cls({_spelling(address.label): address for address in found})

    def find(self, typed: str) -> Address | None:
        """Return the address that was typed, however its capitals, accents and commas were."""
        return self.by_spelling.get(_spelling(typed))

    @property
    def labels(self) -> list[str]:
        """Return every address as residents are offered it."""
        return [address.label for address in self.by_spelling.values()]


def _spelling(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    kept = "".join(letter if letter.isalnum() else " " for letter in letters if not unicodedata.combining(letter))
    return " ".join(kept.split())
