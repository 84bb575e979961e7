"""Whether the database is current, and what the journal has that it does not know."""

from datetime import tzinfo

from rich.text import Text

from ops.shown.terminal import results
from ops.shown.times import to_the_minute
from worker.db.hub_state import HubState, Sign
from worker.services.jobs.replay import Found

SIGNS = {
    Sign.REDIS_IS_AHEAD: "Redis remembers a later state",
    Sign.JOURNAL_IS_AHEAD: "the journal has decisions that it does not know",
}
CHOICES = {"refuse": "refusals", "erase": "erasures", "allow": "allowances"}
SHOWN = 10  # damaged lines


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
            "the database is in another place and not yet compared with what Redis and the journal remember; until "
            "then nothing is sent on the strength of a consent",
            style="yellow",
        )
    return Text("the database is current", style="green")


def not_journaled(waiting: int) -> Text:
    """Return how many decisions the journal could not take."""
    words = f"decisions carried out, but not in the journal and without a receipt: {waiting:,}"
    return Text(words, style="red" if waiting else "")


def print_state(state: HubState, zone: tzinfo, *, is_current: bool, waiting: int) -> None:
    """Print whether the database is current, and what the journal lacks."""
    console = results()
    console.print(restored(state, zone, is_current=is_current), soft_wrap=True)
    console.print(not_journaled(waiting), soft_wrap=True)


def print_found(found: Found, *, replayed: bool = False) -> None:
    """Print what the journal has; `replayed` if the refusals and erasures among it were applied."""
    console = results()
    unknown = ", ".join(f"{CHOICES[choice]}: {count:,}" for choice, count in sorted(found.unknown.items())) or "none"
    console.print(f"decisions in the journal: {found.decisions:,}")
    console.print(f"{'unknown until now' if replayed else 'unknown to the database'}: {unknown}")
    if replayed:
        applied = found.unknown["refuse"] + found.unknown["erase"]
        console.print(f"applied again: {applied:,}; these residents' data is sent again as the database says")
    for damaged in found.damaged[:SHOWN]:
        console.print(Text(f"damaged: {damaged.where}", style="red"))
    if found.damaged:
        words = f"damaged lines: {len(found.damaged):,}; the journal does not count as replayed"
        console.print(Text(words, style="red"))
