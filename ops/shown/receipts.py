"""A receipt: as JSON, and as a line."""

from collections.abc import Mapping

from permit_hub_client import Receipt, RowResult
from rich.text import Text


def document(receipt: Receipt) -> dict[str, object]:
    """Return a receipt as one JSON object, without null fields."""
    whole = {
        "job_id": str(receipt.job_id),
        "kind": receipt.kind,
        "outcome": outcome(receipt),
        "code": receipt.code,
        "field": receipt.field,
        "version": receipt.version,
        "rows": receipt.rows
        and [
            _without_null(
                {
                    "permit_id": str(row.permit_id),
                    "outcome": outcome(row),
                    "code": row.code,
                    "field": row.field,
                }
            )
            for row in receipt.rows
        ],
    }
    return _without_null(whole)


def reason(code: str | None, field: str | None) -> str:
    """Return the code of a refusal, with the field at fault if there is one."""
    return f"{code} ({field})" if field else str(code)


def line(receipt: Receipt) -> Text:
    """Return a receipt in one line."""
    head = Text.assemble(_coloured(receipt), f" {receipt.kind} {receipt.job_id}")
    if receipt.refused:
        return head.append(f" {reason(receipt.code, receipt.field)}")
    if receipt.rows is not None:
        applied = sum(row.applied for row in receipt.rows)
        return head.append(f" {applied} of {len(receipt.rows)} rows applied")
    return head.append("" if receipt.version is None else f" space version {receipt.version}")


def outcome(one: Receipt | RowResult) -> str:
    """Return the outcome of a job or a row as a word."""
    return "applied" if one.applied else "refused"


def fully_applied(receipt: Receipt) -> bool:
    """Return whether a job was applied, with all of its rows."""
    return receipt.applied and all(row.applied for row in receipt.rows or ())


def _coloured(receipt: Receipt) -> tuple[str, str]:
    return outcome(receipt), "green" if receipt.applied else "red"


def _without_null(whole: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in whole.items() if value is not None}
