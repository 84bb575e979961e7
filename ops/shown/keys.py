"""The hash keys of the database and of a process, and how far a rotation has come."""

from collections.abc import Collection, Mapping, Sequence
from datetime import tzinfo
from types import MappingProxyType

from ops.shown.tables import details
from ops.shown.terminal import results
from ops.shown.times import to_the_minute
from worker.db.rotation import DIGESTS, PLATES, SHARES, Rotation
from worker.services.rotation import Progress

DOING: Mapping[str, str] = MappingProxyType({PLATES: "plates", SHARES: "shares", DIGESTS: "digests of jobs"})
SHOWN = 16  # characters of a fingerprint


def document(state: Rotation, walks: Sequence[Progress], known: Collection[str]) -> dict[str, object]:
    """Return the state as one JSON object."""
    return {
        "current": _id(state.current),
        "next": _id(state.next),
        "switched_at": state.switched_at,
        "known": [_id(one) for one in known],
        "done": {DOING[walk.walk]: {"done": walk.done, "total": walk.total} for walk in walks},
        "rotating": _is_rotating(state),
    }


def print_state(state: Rotation, walks: Sequence[Progress], known: Collection[str], zone: tzinfo) -> None:
    """Print the state, and what to do next."""
    made = details()
    made.add_row("the database's key", _id(state.current) or "none yet: no worker has started")
    if state.next is not None:
        made.add_row("its next key", _id(state.next) or "")
    if state.switched_at is not None:
        made.add_row("switched at", to_the_minute(state.switched_at, zone))
    made.add_row("known here", ", ".join(str(_id(one)) for one in known))
    if _is_rotating(state):
        for walk in walks:
            made.add_row(DOING[walk.walk], f"{walk.done:,} of {walk.total:,}")
    made.add_row("to do", _to_do(state, known))
    results().print(made)


def _id(fingerprint: str | None) -> str | None:
    return None if fingerprint is None else fingerprint[:SHOWN]


def _is_rotating(state: Rotation) -> bool:
    return state.next is not None or state.switched_at is not None


def _to_do(state: Rotation, known: Collection[str]) -> str:
    if _is_rotating(state):
        return "permit-hub keys rotate: it goes on where it was"
    return "nothing" if len(known) == 1 else "permit-hub keys rotate, or take the key that is not the database's away"
