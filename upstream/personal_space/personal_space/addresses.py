"""The city's addresses, with their identifier in the national base (BAN) and their parking zones.

The sample file has a few streets. A city replaces it by its own file, or puts its address service behind `find`.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from personal_space import spelling


@dataclass(frozen=True, slots=True)
class Address:
    """One address of the city."""

    ban_id: str
    label: str
    zones: tuple[str, ...]

    @property
    def fields(self) -> dict[str, object]:
        """Return the address as fields of a job."""
        return {"address": {"ban_id": self.ban_id, "label": self.label}, "zones": list(self.zones)}


@dataclass(frozen=True, slots=True)
class Addresses:
    """All addresses, by plain spelling (no case, accents or punctuation) and by their other usual spellings."""

    by_spelling: Mapping[str, Address]
    by_meaning: Mapping[str, Address]

    @classmethod
    def load(cls, path: Path) -> "Addresses":
        """Read a TOML file with `[[address]]` tables of `ban_id`, `label` and `zones`."""
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["address"]
        return cls.of(Address(row["ban_id"], row["label"], tuple(row["zones"])) for row in rows)

    @classmethod
    def of(cls, addresses: Iterable[Address]) -> "Addresses":
        """Index addresses; a spelling that may mean two of them finds neither."""
        by_spelling = {spelling.plain(address.label): address for address in addresses}
        meant: dict[str, list[Address]] = defaultdict(list)
        for address in by_spelling.values():
            for meaning in spelling.meanings(address.label):
                meant[meaning].append(address)
        return cls(by_spelling, {meaning: found[0] for meaning, found in meant.items() if len(found) == 1})

    def find(self, typed: str) -> Address | None:
        """Return the address for a usual spelling; None if it is unknown, or may mean two addresses."""
        return self.by_spelling.get(spelling.plain(typed)) or self.by_meaning.get(spelling.meaning(typed))

    @property
    def labels(self) -> list[str]:
        """Return every address as the form lists it."""
        return [address.label for address in self.by_spelling.values()]
