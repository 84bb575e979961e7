"""A reconciliation: its progress, and its figures."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from ops.shown.tables import table
from ops.shown.terminal import messages, results
from worker.db.sharing.reconciliations import Reconciliation

BAR_WIDTH = 20


class ProgressBar:
    """A bar on standard error that shows how far a reconciliation has come; none if that is no terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bar = progress.add_task("waiting for a worker", total=None, figures="")

    def update(self, run: Reconciliation) -> None:
        """Show the state of a run; the bar only pulses if the number of copies is unknown."""
        expected = run.expected or 0
        if run.failures:
            self._progress.update(
                self._bar, description=f"{run.code}, to be tried again", figures=f"failed {run.failures} ×"
            )
        elif run.read_at is None:
            figures = (
                f"{run.copies:,} of about {expected:,} copies" if run.copies <= expected else f"{run.copies:,} copies"
            )
            self._progress.update(self._bar, description="reading pages", figures=figures)
        else:
            self._progress.update(self._bar, description="looking for missing copies", figures="")
        known = run.read_at is None and not run.failures and run.copies <= expected
        self._progress.update(self._bar, total=expected if known else None, completed=run.copies if known else 0)


@contextmanager
def showing_progress() -> Iterator[ProgressBar]:
    """Show a bar while the context lasts."""
    columns = (TextColumn("{task.description}"), BarColumn(BAR_WIDTH), TextColumn("{task.fields[figures]}"))
    with Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as progress:
        yield ProgressBar(progress)


def print_figures(run: Reconciliation) -> None:
    """Print the figures of a finished run."""
    results().print(_table(run))


def _table(run: Reconciliation) -> Table:
    assert run.started_at is not None
    assert run.finished_at is not None
    pages = f"{run.pages:,} page{'' if run.pages == 1 else 's'}"
    seconds = (run.finished_at - run.started_at).total_seconds()
    title = f"{run.provider}{', dry run' if run.dry_run else ''}: {run.copies:,} copies on {pages}, in {seconds:.1f} s"
    made = table(title, "copies", "", "what becomes of them", right=frozenset({""}))
    would = "would be " if run.dry_run else ""
    orphans = f"{would}removed" if run.read_at else "left alone"
    for name, count, meaning in (
        ("differing", run.differing, f"{would}sent again"),
        ("missing", run.missing, f"{would}sent again" if run.read_at else "not looked for"),
        ("orphans", run.orphans, f"unknown to the hub: {orphans}"),
        ("foreign", run.foreign_copies, "under references that are not the hub's: left alone"),
    ):
        made.add_row(name, f"{count:,}", meaning, style="red" if count and name != "foreign" else "")
    return made
