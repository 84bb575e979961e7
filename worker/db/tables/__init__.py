"""The tables, as the migrations leave them; a test compares the two."""

from worker.db.tables import hub, jobs, permits, providers, reconciliations, reminders, residents, shares
from worker.db.tables.columns import metadata

__all__ = ["hub", "jobs", "metadata", "permits", "providers", "reconciliations", "reminders", "residents", "shares"]
