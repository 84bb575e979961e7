"""What was measured, round by round, and what is made of it: medians, spreads, and ratios within a round."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, NamedTuple, Self

from bench.peers.registry import HUB, PEERS

TITLES: Mapping[str, str] = {HUB: "permit-hub"} | {name: peer.title for name, peer in PEERS.items()}
PLAIN = ("celery", "celery_fair")  # the plain forms of Celery
NOT_CONTESTED = frozenset({"requests_per_s_0ms", "stand_ins_percent_0ms"})  # they explain others
AT_LEAST = {"pushes_per_s_0ms": 3.0, "pushes_per_s_50ms": 6.0}
"""The hub's targets: so many times the best plain form of Celery."""


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
    """A run: the machine, how much work a turn was, each round's figures, and the turns that failed.

    A figure that was not measured is missing.
    """

    machine: Mapping[str, Any]
    quick: bool
    backlog: int
    rounds: list[dict[str, dict[str, float]]]  # by contender, then by key
    floors: list[dict[str, float]]  # by floor, for each round
    failures: list[str]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` has written."""
        return cls(**data)

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return asdict(self)

    @property
    def contenders(self) -> list[str]:
        """Return those of whom something was measured, the hub first."""
        return [name for name in TITLES if any(one.get(name) for one in self.rounds)]

    @property
    def rows(self) -> list[Row]:
        """Return the figures that a table shows, in order."""
        behind = f"behind {self.backlog:,} pushes"
        return [
            Row("idle_median_ms", "withdrawal without other work, median", "ms"),
            Row("idle_slowest_ms", "withdrawal without other work, slowest", "ms"),
            Row("behind_median_ms", f"withdrawal {behind}, median", "ms"),
            Row("behind_slowest_ms", f"withdrawal {behind}, slowest", "ms"),
            Row("pushes_per_s_0ms", "pushes, answered at once", "/s", less_is_better=False),
            Row("pushes_per_s_50ms", "pushes, answered after 50 ms", "/s", less_is_better=False),
            Row("pushes_per_s_200ms", "pushes, answered after 200 ms", "/s", less_is_better=False),
            Row("pushes_per_s_0ms_errors", "pushes, answered at once, 5 % errors", "/s", less_is_better=False),
            Row("pushes_per_s_50ms_errors", "pushes, answered after 50 ms, 5 % errors", "/s", less_is_better=False),
            Row("pushes_per_s_200ms_errors", "pushes, answered after 200 ms, 5 % errors", "/s", less_is_better=False),
            Row("requests_per_s_0ms", "requests, answered at once", "/s", less_is_better=False),
            Row("cpu_ms_a_push_0ms", "processor time of a push, servers included", "ms"),
            Row("memory_mb", "memory of all its workers (PSS)", "MB"),
            Row("stand_ins_percent_0ms", "part of the machine that the stand-ins took", "%"),
        ]

    @property
    def contested(self) -> list[Row]:
        """Return those in which the hub and a peer are compared; the others explain them."""
        return [row for row in self.rows if row.key not in NOT_CONTESTED]

    def spread(self, contender: str, key: str) -> Spread | None:
        """Return a figure of all rounds that have it."""
        return _spread([turn[key] for one in self.rounds if key in (turn := one.get(contender, {}))])

    def ratio(self, key: str, peer: str) -> Spread | None:
        """Return the hub's figure as a multiple of a peer's, each round's pair by itself."""
        return self._against(key, [peer])

    def against_plain(self, key: str) -> Spread | None:
        """Return the hub's figure as a multiple of the larger one of the plain forms, each round by itself."""
        return self._against(key, PLAIN)

    def _against(self, key: str, peers: Sequence[str]) -> Spread | None:
        ratios = []
        for one in self.rounds:
            theirs = [one[peer][key] for peer in peers if key in one.get(peer, {})]
            if theirs and key in one.get(HUB, {}):
                ratios.append(one[HUB][key] / max(theirs))
        return _spread(ratios)

    def floor(self, key: str) -> Spread | None:
        """Return a floor of all rounds that have it."""
        return _spread([one[key] for one in self.floors if key in one])

    def ahead(self, row: Row) -> list[tuple[str, Spread]]:
        """Return the peers that are better than the hub in the median of the pairs, each with the ratio."""
        ratios = {peer: self.ratio(row.key, peer) for peer in self.contenders if peer != HUB}
        return [
            (peer, ratio)
            for peer, ratio in ratios.items()
            if ratio is not None and (ratio.median > 1 if row.less_is_better else ratio.median < 1)
        ]


def shown(value: float) -> str:
    """Return a number with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread(median(values), min(values), max(values)) if values else None
