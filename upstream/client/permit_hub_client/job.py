"""A job on its way to the hub."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

QUEUES: Mapping[str, str] = {
    "permit.request": "jobs",
    "permit.decide": "jobs",
    "permit.confirm_payment": "jobs",
    "permit.renew": "jobs",
    "permit.change_vehicle": "jobs",
    "permit.change_address": "jobs",
    "permit.cancel": "jobs",
    "consent.decide": "consent",
    "resident.update_contact": "jobs",
    "resident.choose_reminders": "jobs",
    "reminders.stop": "jobs",
    "resident.export": "bulk",
    "resident.erase": "consent",
    "permit.import": "bulk",
}
"""Each kind of job and the queue that takes it."""

SCHEMA_VERSIONS: Mapping[str, int] = dict.fromkeys(QUEUES, 1) | dict.fromkeys(
    ("permit.request", "permit.change_vehicle", "permit.change_address"), 2
)
"""The version of each kind's fields."""

MAX_JOB_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """One job as JSON, written once: sent again it is the same byte for byte, so the hub applies it once.

    `text` is the JSON. It has personal data, so it is left out of the repr.
    """

    kind: str
    job_id: UUID
    text: str = field(repr=False)


def write(fields: Mapping[str, object]) -> str:
    """Return a job's fields as JSON.

    Raises:
        ValueError, TypeError: a value has no form in JSON, or is a naive datetime.
    """
    return json.dumps(fields, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError("a datetime needs a time zone")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
