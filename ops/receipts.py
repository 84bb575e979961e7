"""A receipt as the operator's side shows it: as a JSON object, as a line."""

from collections.abc import Mapping

from permit_hub_client import Receipt
from rich.text import Text


def document(receipt: Receipt) -> dict[str, object]:
    """Return a receipt as the hub writes it, without what is null."""
    whole = {
        "job_id": str(receipt.job_id),
        "kind": receipt.kind,
        "outcome": outcome(receipt.applied),
        "code": receipt.code,
        "field": receipt.field,
        "version": receipt.version,
        "rows": receipt.rows
        and [
            _without_null(
                {
                    "permit_id": str(row.permit_id),
                    "outcome": outcome(row.applied),
                    "code": row.code,
                    "field": row.field,
                }
            )
            for row in receipt.rows
        ],
    }
    return _without_null(whole)


def reason(code: str | None, field: str | None) -> str:
    """Return why something was refused: the code, and the field where one is at fault."""
    return f"{code} ({field})" if field else str(code)


def line(receipt: Receipt) -> Text:
    """Return a receipt in one line."""
    head = Text.assemble(_coloured(receipt.applied), f" {receipt.kind} {receipt.job_id}")
    if receipt.refused:
        return head.append(f" {reason(receipt.code, receipt.field)}")
    if receipt.rows is not None:
        applied = sum(row.applied for row in receipt.rows)
        return head.append(f" {applied} of {len(receipt.rows)} rows applied")
    return head.append("" if receipt.version is None else f" space version {receipt.version}")


def outcome(applied: bool) -> str:
    """Return the word for what became of a job."""
    return "applied" if applied else "refused"


def fully_applied(receipt: Receipt) -> bool:
    """Tell whether a job was applied, with every row of it."""
    return receipt.applied and all(row.applied for row in receipt.rows or ())


def _coloured(applied: bool) -> tuple[str, str]:
    return outcome(applied), "green" if applied else "red"


def _without_null(whole: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in whole.items() if value is not None}
