"""The city hub's store: series of permits; only active ones count."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

PAGE = 100


class Item(NamedTuple):
    """A vehicle or an area with its start and end in UTC, as they are returned."""

    name: str
    start: str
    end: str


class Permit(NamedTuple):
    """One permit; without an external id it can be reached only by its number."""

    id: int
    series: int
    external_id: str | None
    domain: str
    subjects: tuple[Item, ...]
    areas: tuple[Item, ...]

    @property
    def name(self) -> str:
        """Return its external id, or else its number; the control uses it as the reference."""
        return f"#{self.id}" if self.external_id is None else self.external_id


@dataclass(slots=True)
class Series:
    """One series and its permits by number."""

    id: int
    made_at: str
    active: bool = False
    permits: dict[int, Permit] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)  # by external id
    order: list[int] = field(default_factory=list)  # the numbers, sorted

    def add(self, permit: Permit) -> None:
        """Store a permit, or replace the one with its number."""
        if permit.id in self.permits:
            self.remove(permit.id)
        self.permits[permit.id] = permit
        insort(self.order, permit.id)
        if permit.external_id is not None:
            self.numbers[permit.external_id] = permit.id

    def remove(self, number: int) -> None:
        """Delete a permit."""
        permit = self.permits.pop(number)
        del self.order[bisect_left(self.order, number)]
        if permit.external_id is not None:
            del self.numbers[permit.external_id]


class Store:
    """All series of one operator."""

    def __init__(self) -> None:
        """Start without any."""
        self.series: dict[int, Series] = {}

    def active(self) -> list[Series]:
        """Return the active series, oldest first."""
        return sorted((series for series in self.series.values() if series.active), key=lambda series: series.id)

    def reachable(self, external_id: str) -> list[Permit]:
        """Return the permits with an external id in active series."""
        return [
            series.permits[series.numbers[external_id]] for series in self.active() if external_id in series.numbers
        ]

    def under(self, external_id: str) -> list[Permit]:
        """Return the permits with an external id in all series."""
        known = [self.series[number] for number in sorted(self.series)]
        return [series.permits[series.numbers[external_id]] for series in known if external_id in series.numbers]

    def numbered(self, number: int) -> Permit | None:
        """Return the permit with a number, in any series."""
        return next((series.permits[number] for series in self.series.values() if number in series.permits), None)

    def insert(self, permits: Sequence[Permit]) -> bool:
        """Store new permits, all or none; return whether their external ids were free."""
        wanted = [(permit.series, permit.external_id) for permit in permits if permit.external_id is not None]
        if len(set(wanted)) < len(wanted) or any(self.taken(*one) for one in wanted):
            return False
        if any(permit.series not in self.series for permit in permits):
            return False
        for permit in permits:
            self.series[permit.series].add(permit)
        return True

    def replace(self, permit: Permit) -> bool:
        """Replace the permit with this number; return whether it existed and the external id was free."""
        series = self.series.get(permit.series)
        if series is None or permit.id not in series.permits:
            return False
        if permit.external_id is not None and series.numbers.get(permit.external_id, permit.id) != permit.id:
            return False
        series.add(permit)
        return True

    def delete(self, permit: Permit) -> None:
        """Delete a permit, if it still exists."""
        series = self.series.get(permit.series)
        if series is not None and permit.id in series.permits:
            series.remove(permit.id)

    def delete_series(self, number: int) -> None:
        """Delete a series, unless it has permits."""
        if number in self.series and not self.series[number].permits:
            del self.series[number]

    def activate(self, number: int, deactivated: Iterable[int]) -> None:
        """Activate a series and deactivate others in one step."""
        if number not in self.series:
            return
        for other in deactivated:
            if other in self.series:
                self.series[other].active = False
        self.series[number].active = True

    def taken(self, series: int, external_id: str | None) -> bool:
        """Return whether a series has a permit with an external id."""
        return external_id is not None and series in self.series and external_id in self.series[series].numbers


def page(all_series: Sequence[Series], number: int, *, nameless: bool) -> tuple[list[Permit], int]:
    """Return one page of some series' permits, and their total; `nameless` ones have no external id."""
    start, found, total = (number - 1) * PAGE, list[Permit](), 0
    for series in all_series:
        whole = nameless or len(series.numbers) == len(series.order)
        order = series.order if whole else [one for one in series.order if series.permits[one].external_id is not None]
        first = max(start - total, 0)
        found += [series.permits[one] for one in order[first : first + PAGE - len(found)]]
        total += len(order)
    return found, total
