"""The plates kept for permits, and the day of their purge."""

from datetime import date, timedelta
from uuid import UUID

from tests.services.evidence import Evidence
from worker.domain.terms import add_months

DAY = timedelta(days=1)


def after(day: date, months: int) -> date:
    """Return the day on which data kept for so many months from `day` is purged."""
    return add_months(day, months) + DAY


def plates(evidence: Evidence, permit_id: UUID) -> list[str]:
    """Return the plates kept for a permit, oldest first."""
    rows = "SELECT raw FROM plate_assignments WHERE permit_id = %s ORDER BY assigned_at"
    return [raw for (raw,) in evidence.query(rows, permit_id)]
