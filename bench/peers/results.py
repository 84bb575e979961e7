"""What was measured, round by round, and what is made of it: medians, spreads, and ratios within a round."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, NamedTuple, Self

from bench.peers.registry import HUB, PEERS

TITLES: Mapping[str, str] = {HUB: "permit-hub"} | {name: peer.title for name, peer in PEERS.items()}
NOT_CONTESTED = frozenset({"requests_per_s_0ms", "stand_ins_percent_0ms"})  # they explain others
Turn = Mapping[str, float]
"""What one contender was measured at in one round: figures by key."""


class Spread(NamedTuple):
    """The median of several rounds, with the lowest and the highest."""

    median: float
    low: float
    high: float


class Row(NamedTuple):
    """One figure of a table; for the hub either less or more is better."""

    key: str
    title: str
    unit: str
    less_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Results:
    """A run: the machine, how much work a turn was, and each round's figures."""

    machine: Mapping[str, Any]
    quick: bool
    backlog: int
    rounds: Sequence[Mapping[str, Turn]]  # by contender
    floors: Sequence[Turn]  # by floor, for each round

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` has written."""
        return cls(**data)

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return asdict(self)

    @property
    def contenders(self) -> list[str]:
        """Return the contenders of all rounds, the hub first."""
        return [name for name in TITLES if all(name in one for one in self.rounds)]

    @property
    def rows(self) -> list[Row]:
        """Return the figures that a table shows, in order."""
        behind = f"behind {self.backlog:,} pushes"
        return [
            Row("idle_median_ms", "withdrawal, 4 confirmed, median", "ms"),
            Row("idle_p99_ms", "withdrawal, 4 confirmed, p99", "ms"),
            Row("behind_median_ms", f"… {behind}, median", "ms"),
            Row("behind_p99_ms", f"… {behind}, p99", "ms"),
            Row("pushes_per_s_0ms", "pushes, providers answer at once", "/s", less_is_better=False),
            Row("pushes_per_s_50ms", "pushes, after 50 ms", "/s", less_is_better=False),
            Row("pushes_per_s_200ms", "pushes, after 200 ms", "/s", less_is_better=False),
            Row("pushes_per_s_50ms_errors", "pushes, after 50 ms, 5 % errors", "/s", less_is_better=False),
            Row("requests_per_s_0ms", "requests, providers answer at once", "/s", less_is_better=False),
            Row("cpu_ms_a_push_0ms", "processor time of a push, servers included", "ms"),
            Row("memory_mb", "memory of all its workers (PSS)", "MB"),
            Row("stand_ins_percent_0ms", "part of the machine that the stand-ins took", "%"),
        ]

    @property
    def contested(self) -> list[Row]:
        """Return those in which the hub and a peer are compared; the others explain them."""
        return [row for row in self.rows if row.key not in NOT_CONTESTED]

    def spread(self, contender: str, key: str) -> Spread:
        """Return a figure of all rounds."""
        return _spread([one[contender][key] for one in self.rounds])

    def ratio(self, key: str, peer: str) -> Spread:
        """Return the hub's figure as a multiple of a peer's, each round's pair by itself."""
        return _spread([one[HUB][key] / one[peer][key] for one in self.rounds])

    def floor(self, key: str) -> Spread:
        """Return a floor of all rounds."""
        return _spread([one[key] for one in self.floors])

    def ahead(self, row: Row) -> list[str]:
        """Return the peers that are better than the hub, in the median of the pairs."""
        peers = [name for name in self.contenders if name != HUB]
        if row.less_is_better:
            return [peer for peer in peers if self.ratio(row.key, peer).median > 1]
        return [peer for peer in peers if self.ratio(row.key, peer).median < 1]


def shown(value: float) -> str:
    """Return a number with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), min(values), max(values))
