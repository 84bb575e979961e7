"""Dead letters: counted by provider and code, as a list, and one with its latest requests."""

from collections.abc import Sequence
from datetime import tzinfo
from itertools import groupby

from rich.table import Table

from ops.shown.tables import print_left_out, table
from ops.shown.terminal import results
from ops.shown.times import to_the_minute, to_the_second
from worker.db.sharing.dead_letters import Attempt, DeadLetter, Group

STILL = {
    "held": "its removal is not confirmed yet",
    "kept": "it keeps what it held of the same person and plate",
}


def grouped(groups: Sequence[Group], zone: tzinfo) -> Table:
    """Return a table of dead letters by provider and code."""
    made = table("Dead letters", "provider", "code", "count", "since", "last", right=frozenset({"count"}))
    for one in groups:
        moments = (to_the_minute(at, zone) for at in (one.first_failure, one.last_failure))
        made.add_row(one.provider, one.code, f"{one.count:,}", *moments)
    return made


def print_list(found: Sequence[DeadLetter], groups: Sequence[Group], zone: tzinfo) -> None:
    """Print the counts, then the permits of each provider and code."""
    console = results()
    if not found:
        console.print("No dead letters.")
        return
    console.print(grouped(groups, zone))
    console.print()
    for (provider, code), group in groupby(sorted(found, key=_kind), key=_kind):
        made = table(f"{provider}, {code}", "permit", "first failure", "last failure", "")
        for letter in group:
            moments = (to_the_minute(at, zone) for at in (letter.first_failure, letter.last_failure))
            made.add_row(str(letter.permit_id), *moments, _still(letter))
        console.print(made)
        console.print()
    for word, meaning in STILL.items():
        if any(_still(letter) == word for letter in found):
            console.print(f"{word}: {meaning}", style="dim")
    console.print("all of a kind again: permit-hub dead-letters retry --provider NAME --code CODE", style="dim")
    left = sum(group.count for group in groups) - len(found)
    print_left_out(console, left)


def _still(letter: DeadLetter) -> str:
    return "held" if letter.removing else "kept" if letter.kept else ""


def print_one(letter: DeadLetter, attempts: Sequence[Attempt], zone: tzinfo) -> None:
    """Print one with the latest requests about it."""
    console = results()
    there = STILL.get(_still(letter), "it holds nothing of this permit")
    console.print(f"{letter.provider} refused it: {letter.code}; {there}")
    console.print(f"failing since {to_the_second(letter.first_failure, zone)}")
    console.print()
    made = table("The latest requests about it", "sent at", "what", "on decision", "ended", "code")
    for attempt in attempts:
        decision = "–" if attempt.consent_version is None else str(attempt.consent_version)
        what = "removal" if attempt.removal else "put"
        sent_at = to_the_second(attempt.sent_at, zone)
        made.add_row(sent_at, what, decision, attempt.outcome or "–", attempt.code or "–")
    console.print(made)


def _kind(letter: DeadLetter) -> tuple[str, str]:
    return letter.provider, letter.code
