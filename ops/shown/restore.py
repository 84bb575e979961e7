"""Whether the database is current, and what the journal has that it does not know."""

from dataclasses import dataclass
from datetime import tzinfo

from rich.text import Text

from ops.shown.terminal import results
from ops.shown.times import to_the_minute, to_the_second
from worker.db.hub_state import HubState, Sign
from worker.services.jobs.replay import Found

SIGNS = {
    Sign.REDIS_IS_AHEAD: "Redis remembers a later state",
    Sign.JOURNAL_IS_AHEAD: "the journal has decisions that it does not know",
}
CHOICES = {"refuse": "refusals", "erase": "erasures", "allow": "allowances"}
SHOWN = 10  # damaged lines


@dataclass(frozen=True, slots=True)
class Known:
    """What the database says of itself, and how many decisions wait for a journal."""

    hub: HubState
    is_current: bool
    not_journaled: int


def restored(state: HubState, zone: tzinfo, *, is_current: bool) -> Text:
    """Return whether the database is current, and what to do if it is not."""
    if state.restored_at is not None and state.restored_sign is not None:
        since = to_the_minute(state.restored_at, zone)
        steps = "replay, release" if state.replayed_at is None else "release"
        return Text(
            f"the database went back ({SIGNS[state.restored_sign]}): since {since} nothing is sent on the strength "
            f"of a consent, and no reminder; next: permit-hub restore {steps}",
            style="red",
        )
    if not is_current:
        return Text(
            "the database is not yet compared with what Redis and the journal remember; until then nothing is sent on "
            "the strength of a consent (the log of the worker that takes from calendar says why)",
            style="yellow",
        )
    return Text("the database is current", style="green")


def not_journaled(waiting: int) -> Text:
    """Return how many decisions the journal could not take."""
    words = f"decisions carried out, but not in the journal and without a receipt: {waiting:,}"
    return Text(words, style="red" if waiting else "")


def print_known(known: Known, zone: tzinfo) -> None:
    """Print whether the database is current, and what the journal lacks."""
    console = results()
    console.print(restored(known.hub, zone, is_current=known.is_current))
    if known.hub.lost_since is not None:
        console.print(f"it may lack what was decided since {to_the_second(known.hub.lost_since, zone)}")
    console.print(not_journaled(known.not_journaled))


def print_found(found: Found, *, replayed: bool = False) -> None:
    """Print what the journal has; `replayed` if the refusals and erasures among it were applied."""
    console = results()
    unknown = ", ".join(f"{CHOICES[choice]}: {count:,}" for choice, count in sorted(found.unknown.items())) or "none"
    console.print(f"decisions in the journal: {found.decisions:,}")
    console.print(f"{'lost, and dealt with now' if replayed else 'lost, and not yet replayed'}: {unknown}")
    if replayed and found.unknown:
        console.print(
            "refusals and erasures are applied; what these residents allow now is sent to all providers again"
        )
    if found.refused:
        console.print(Text(f"could not be applied: {found.refused:,}; the log says which", style="red"))
    if not found.decisions:
        console.print(Text("the journal is empty: is this its folder?", style="red"))
    for damaged in found.damaged[:SHOWN]:
        console.print(Text(f"damaged: {damaged.where}", style="red"))
    if found.damaged:
        words = f"damaged lines: {len(found.damaged):,}; the journal does not count as replayed"
        console.print(Text(words, style="red"))
