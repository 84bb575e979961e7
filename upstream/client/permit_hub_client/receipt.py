"""The hub's answer to a job."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RowResult:
    """The result of one row of an import."""

    permit_id: UUID
    applied: bool
    code: str | None
    field: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of a job.

    If it was refused, `code` has the reason (codes are stable) and `field` the field at fault, such as `plate.raw`.
    If it was applied, `version` is the version of the personal space that shows it.
    """

    job_id: UUID
    kind: str
    applied: bool
    code: str | None
    field: str | None
    version: int | None
    rows: tuple[RowResult, ...] | None

    @property
    def refused(self) -> bool:
        """Return whether the job was refused."""
        return not self.applied

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Receipt":
        """Read a receipt as the hub writes it; ignore fields that a newer hub adds."""
        rows = document.get("rows")
        return cls(
            job_id=UUID(document["job_id"]),
            kind=document["kind"],
            applied=document["outcome"] == "applied",
            code=document.get("code"),
            field=document.get("field"),
            version=document.get("version"),
            rows=None if rows is None else tuple(_row(row) for row in rows),
        )


def _row(document: Mapping[str, Any]) -> RowResult:
    return RowResult(
        permit_id=UUID(document["permit_id"]),
        applied=document["outcome"] == "applied",
        code=document.get("code"),
        field=document.get("field"),
    )
