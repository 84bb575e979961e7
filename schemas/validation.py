"""Read the text of a job, or refuse it with the field at fault and never a value."""

import json
from collections import Counter
from typing import NoReturn
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from schemas import jobs, jobs_v1, verified
from schemas.base import Message
from schemas.jobs import KINDS, MAX_JOB_BYTES, Job
from schemas.receipts import RefusalCode

_CODES = {
    "json_invalid": RefusalCode.NOT_JSON,
    "string_unicode": RefusalCode.NOT_JSON,  # a lone surrogate
    "missing": RefusalCode.MISSING_FIELD,
    "extra_forbidden": RefusalCode.EXTRA_FIELD,
    "string_too_long": RefusalCode.TOO_LONG,
    "too_long": RefusalCode.TOO_LONG,
    "date_parsing": RefusalCode.INVALID_DATE,
    "date_from_datetime_parsing": RefusalCode.INVALID_DATE,
    "date_from_datetime_inexact": RefusalCode.INVALID_DATE,
    "date_out_of_range": RefusalCode.INVALID_DATE,
    "date_order": RefusalCode.INVALID_DATE,
    "datetime_parsing": RefusalCode.INVALID_DATE,
    "datetime_from_date_parsing": RefusalCode.INVALID_DATE,
    "timezone_aware": RefusalCode.INVALID_DATE,
}
_ANY_UUID = TypeAdapter(UUID)

# A key that is not one of these is the sender's own text, which may be anything, so refusals do not repeat it.
_OUR_FIELDS = frozenset(
    field
    for model in (*vars(jobs).values(), *vars(jobs_v1).values(), *vars(verified).values())
    if isinstance(model, type) and issubclass(model, Message)
    for field in model.model_fields
)
_FOREIGN_FIELD = "*"
_MOST_FIELDS = 50  # of one object: no model has half of them, and checking a megabyte of extra ones takes a second


class InvalidJobError(Exception):
    """A text that is no valid job: a stable code, the field at fault and the job's id, if they are known.

    `field` is a path such as `plate.raw` or `permits.3.zones.0`; `*` stands for a field that no job has.
    """

    def __init__(self, code: RefusalCode, field: str | None = None, job_id: UUID | None = None) -> None:
        super().__init__(code.value if field is None else f"{code.value} ({field})")
        self.code = code
        self.field = field
        self.job_id = job_id


def parse_job(kind: str, raw: str) -> Job:
    """Read the text of a job of one kind.

    The text is one JSON object (RFC 8259) of at most `MAX_JOB_BYTES` in UTF-8. Types are strict: no number in quotes,
    no 1 for true. A repeated key is refused, since JSON readers differ on which of the two counts.

    Raises:
        InvalidJobError: the first fault, in the order of the model's fields, not of the keys.
    """
    if _is_too_large(raw):
        raise InvalidJobError(RefusalCode.TOO_LARGE)
    model = KINDS.get(kind)
    if model is None:
        raise InvalidJobError(RefusalCode.UNKNOWN_KIND, job_id=_job_id(raw))
    try:
        document = _STRICT_JSON.decode(raw)
    except InvalidJobError as fault:
        raise InvalidJobError(fault.code, fault.field, _job_id(raw)) from None
    except (ValueError, RecursionError):
        raise InvalidJobError(RefusalCode.NOT_JSON, job_id=_job_id(raw)) from None
    is_outdated = kind in jobs_v1.KINDS and isinstance(document, dict) and document.get("schema_version", 1) == 1
    if is_outdated:
        model, _ = jobs_v1.KINDS[kind]
    try:
        job = model.model_validate_json(raw, strict=True)
        return jobs_v1.current(kind, job) if is_outdated else job
    except ValidationError as error:
        raise InvalidJobError(*explain(error), _job_id(raw)) from None


def explain(error: ValidationError) -> tuple[RefusalCode, str | None]:
    """Return the code and the field of a validation's first error; no value, and no key of the sender's own."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    kind = first["type"]
    path = [str(step) for step in first["loc"]]
    if kind == "extra_forbidden":
        path[-1] = _shown(path[-1])
    return _code(kind), ".".join(path) or None


def _shown(key: str) -> str:
    return key if key in _OUR_FIELDS else _FOREIGN_FIELD


def _code(error_type: str) -> RefusalCode:
    if error_type in _CODES:
        return _CODES[error_type]
    return RefusalCode.WRONG_TYPE if error_type.endswith("_type") else RefusalCode.INVALID_VALUE


def _is_too_large(raw: str) -> bool:
    if raw.isascii():
        return len(raw) > MAX_JOB_BYTES
    return len(raw) > MAX_JOB_BYTES or len(raw.encode(errors="surrogatepass")) > MAX_JOB_BYTES


def _job_id(raw: str) -> UUID | None:
    try:
        document = json.loads(raw)
        return _ANY_UUID.validate_python(document["job_id"]) if isinstance(document, dict) else None
    except (ValueError, KeyError, RecursionError):
        return None


def _sound_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > _MOST_FIELDS:
        raise InvalidJobError(RefusalCode.EXTRA_FIELD, _FOREIGN_FIELD)
    fields = dict(pairs)
    if len(fields) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        repeated = next(key for key, count in counts.items() if count > 1)
        raise InvalidJobError(RefusalCode.INVALID_VALUE, _shown(repeated))
    return fields


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(name)


_STRICT_JSON = json.JSONDecoder(object_pairs_hook=_sound_object, parse_constant=_not_a_number)
