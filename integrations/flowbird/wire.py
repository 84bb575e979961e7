"""Flowbird's JSON and words; contract.yaml says which are verified."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

from integrations.base import Change, days_of, instants, needed, reference_of, written
from integrations.errors import FailureCode
from schemas.shared import Copy, Validity

Document = Mapping[str, object]

TOKEN = "/oauth2/token"  # noqa: S105 - no password
CHANGES = "/hub/v1/rights/batch"
BATCH = 500  # rows
PAGE = 1_000  # rights; as many as they list at once, and with the longest of words less than 700 kB
PERIODS = 4_096  # kept as they are written: most permits begin and end on the same few days

FAILURES: Mapping[object, FailureCode] = MappingProxyType(
    {
        "PLATE_FORMAT": FailureCode.PLATE_REFUSED,
        "ZONE_UNKNOWN": FailureCode.ZONE_UNKNOWN,
        "PRODUCT_UNKNOWN": FailureCode.PROFILE_UNKNOWN,
        "PERIOD_INVALID": FailureCode.VALIDITY_REFUSED,
    }
)
"""Their reasons, and ours."""


class Listed(NamedTuple):
    """A page of their list; `cursor` leads on (None: that was the last)."""

    rights: Sequence[Document]
    cursor: str | None

    def __repr__(self) -> str:
        return f"Listed({len(self.rights)} rights)"


def page(cursor: str | None) -> str:
    """Return where a page of the rights is listed."""
    return f"/hub/v1/rights?limit={PAGE}" + ("" if cursor is None else f"&cursor={quote(cursor, safe='')}")


def row(provider: str, change: Change, zone: ZoneInfo) -> Document:
    """Return a change as a row of a batch.

    Raises:
        RejectedError: a field is not there.
    """
    permit = change.permit
    if permit is None:
        return {"action": "REMOVE", "reference": str(change.reference)}
    start, end = _period(needed(provider, permit.validity), zone)
    right = {
        "plate": needed(provider, permit.plate),
        "zones": [{"code": code} for code in needed(provider, permit.zones)],
        "product": needed(provider, permit.profile),
        "from": start,
        "until": end,
    }
    return {"action": "UPSERT", "reference": str(change.reference), "right": right}


def batch(rows: Sequence[Document]) -> Document:
    """Return rows as one request."""
    return {"rows": rows}


def outcomes(data: object, rows: Sequence[Document]) -> list[FailureCode | None] | None:
    """Return what an answer says of each row (None: it is done); None when it is no answer to a batch."""
    results = data.get("results") if isinstance(data, dict) else None
    if not isinstance(results, list):
        return None
    said: dict[int, Document] = {}
    for result in results:
        number = result.get("row") if isinstance(result, dict) else None
        if type(number) is not int or number in said:
            return None
        said[number] = result
    return [_outcome(said.get(number), sent) for number, sent in enumerate(rows)]


def refuses(data: object) -> bool:
    """Tell whether an error document is theirs, and not that of somebody in between."""
    return isinstance(data, dict) and data.get("result") == "KO" and isinstance(data.get("reason"), str)


def failure(data: object) -> FailureCode:
    """Return our word for what they call `KO`."""
    reason = data.get("reason") if isinstance(data, dict) else None
    return FAILURES.get(reason, FailureCode.REQUEST_REFUSED) if isinstance(reason, str) else FailureCode.REQUEST_REFUSED


def listed(data: object) -> Listed | None:
    """Read a page of their list; None when it is none."""
    if not isinstance(data, dict) or "next" not in data:
        return None
    rights, cursor = data.get("rights"), data["next"]
    if not isinstance(rights, list) or not all(isinstance(one, dict) for one in rights):
        return None
    return Listed(rights, cursor) if cursor is None or (isinstance(cursor, str) and cursor) else None


def copy(found: Document, zone: ZoneInfo) -> Copy | None:
    """Return what a right of theirs says, in our words; None when its reference cannot be ours."""
    reference = reference_of(found.get("reference"))
    if reference is None:
        return None
    return Copy(
        reference,
        plate=_text(found.get("plate")),
        zones=_codes(found.get("zones")),
        profile=_text(found.get("product")),
        validity=days_of(str(found.get("from")), str(found.get("until")), zone),
    )


def _outcome(result: Document | None, sent: Document) -> FailureCode | None:
    if result is None:
        return FailureCode.ROW_MISSING
    if result.get("reference") == sent["reference"]:
        match result:
            case {"result": "OK"}:
                return None
            case {"result": "KO", "reason": "RIGHT_UNKNOWN"} if sent["action"] == "REMOVE":
                return None
            case {"result": "KO", "reason": str()}:
                return failure(result)
    return FailureCode.ANSWER_UNREADABLE


@lru_cache(maxsize=PERIODS)
def _period(validity: Validity, zone: ZoneInfo) -> tuple[str, str]:
    start, end = instants(validity, zone)
    return written(start), written(end)


def _codes(found: object) -> tuple[str, ...] | None:
    if not isinstance(found, list) or not found:
        return None
    codes = [one["code"] for one in found if isinstance(one, dict) and isinstance(one.get("code"), str)]
    return tuple(codes) if len(codes) == len(found) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
