"""Whether a list can be what a provider holds for us. If not, a reconciliation ends, and removes nothing."""

from integrations.errors import FailureCode
from worker.db.sharing.reconciliations import Reconciliation

TOO_MANY_ORPHANS = "too_many_orphans"
"""The code of a reconciliation whose list has more unknown copies than the hub can have made and lost."""

ORPHANS_PART = 0.1
"""How many unknown copies are accepted beyond the margin, as a part of the copies expected.

A provider holds at most what it was ever sent, and after a restore the hub may not know all of that. Many more belong
to another sender or are made up, and are not ours to remove.
"""

REPEATED_MARGIN = 100
"""How many repetitions beyond one of each copy, and how many empty pages, a list may have."""

MOST_FOREIGN = 1_000_000
"""Copies under foreign references that a list may have: their repetition cannot be detected."""


def fault_of_list(run: Reconciliation, orphan_margin: int) -> str | None:
    """Return why what was listed so far cannot be what the provider holds for us, or None if it can.

    A copy may be listed twice, such as in two series that count at once, but not again and again.
    """
    if run.orphans > orphan_margin + (run.expected or 0) * ORPHANS_PART:
        return TOO_MANY_ORPHANS
    listed_once = run.copies - run.repeated
    if (
        run.repeated > listed_once + REPEATED_MARGIN
        or run.pages > run.copies + run.foreign_copies + REPEATED_MARGIN
        or run.foreign_copies > MOST_FOREIGN
    ):
        return FailureCode.LIST_ENDLESS
    return None
