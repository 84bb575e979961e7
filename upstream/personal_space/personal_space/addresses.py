"""The city's addresses: how a resident writes one, its identifier in the national base, and its parking zones.

The sample has a few streets. A city puts its own file there, or its address service behind `find`.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from personal_space import spelling


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
    """All addresses by their spelling without case, accents and punctuation, and by what else they are written as."""

    by_spelling: Mapping[str, Address]
    by_meaning: Mapping[str, Address]

    @classmethod
    def load(cls, path: Path) -> "Addresses":
        """Read a TOML file with `[[address]]` tables of `ban_id`, `label` and `zones`."""
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["address"]
        return cls.of(Address(row["ban_id"], row["label"], tuple(row["zones"])) for row in rows)

    @classmethod
    def of(cls, addresses: Iterable[Address]) -> "Addresses":
        """Take addresses over; what may mean two of them means neither."""
        by_spelling = {spelling.plain(address.label): address for address in addresses}
        meant: dict[str, list[Address]] = defaultdict(list)
        for address in by_spelling.values():
            for meaning in spelling.meanings(address.label):
                meant[meaning].append(address)
        return cls(by_spelling, {meaning: found[0] for meaning, found in meant.items() if len(found) == 1})

    def find(self, typed: str) -> Address | None:
        """Return the address that was typed in any usual way; None if the city has none such, or may mean two."""
        return self.by_spelling.get(spelling.plain(typed)) or self.by_meaning.get(spelling.meaning(typed))

    @property
    def labels(self) -> list[str]:
        """Return every address as residents are offered it."""
        return [address.label for address in self.by_spelling.values()]
