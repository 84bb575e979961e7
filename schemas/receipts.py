"""The hub's answer to a job. It carries no personal data: ids, codes and field names."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from schemas.base import Message


class Outcome(StrEnum):
    """The outcome of a job."""

    APPLIED = "applied"
    REFUSED = "refused"


class RefusalCode(StrEnum):
    """Why a job was refused; stable, for programs to act on."""

    # The message
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    MALFORMED_MESSAGE = "malformed_message"
    UNKNOWN_KIND = "unknown_kind"
    # A field
    MISSING_FIELD = "missing_field"
    EXTRA_FIELD = "extra_field"
    WRONG_TYPE = "wrong_type"
    INVALID_VALUE = "invalid_value"
    INVALID_DATE = "invalid_date"
    TOO_LONG = "too_long"
    # The sender
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_INVALID = "signature_invalid"
    SIGNATURE_EXPIRED = "signature_expired"
    UNKNOWN_SOURCE = "unknown_source"
    UNKNOWN_KEY = "unknown_key"
    KIND_NOT_ALLOWED = "kind_not_allowed"
    RESIDENT_NOT_ALLOWED = "resident_not_allowed"
    # The truth
    JOB_ID_REUSED = "job_id_reused"
    UNKNOWN_RESIDENT = "unknown_resident"
    UNKNOWN_PERMIT = "unknown_permit"
    UNKNOWN_PROVIDER = "unknown_provider"
    UNKNOWN_REMINDER = "unknown_reminder"
    UNKNOWN_TARIFF = "unknown_tariff"
    PERMIT_EXISTS = "permit_exists"
    TOO_MANY_PERMITS = "too_many_permits"
    ACTION_NOT_OFFERED = "action_not_offered"
    REASON_REQUIRED = "reason_required"
    ADDRESS_UNCHANGED = "address_unchanged"
    VEHICLE_UNCHANGED = "vehicle_unchanged"
    PLATE_IN_USE = "plate_in_use"
    WRONG_AMOUNT = "wrong_amount"
    NOT_AWAITING_PAYMENT = "not_awaiting_payment"
    PAYMENT_ALREADY_CONFIRMED = "payment_already_confirmed"
    CONSENT_STALE = "consent_stale"
    UNKNOWN_TEXT = "unknown_text"
    RESIDENT_ERASED = "resident_erased"


class RowResult(Message):
    """The result of one row of an import."""

    permit_id: UUID
    outcome: Outcome
    code: RefusalCode | None = None
    field: str | None = None


class Receipt(Message):
    """The result of a job; `version` is the first version of the personal space that shows it."""

    job_id: UUID
    kind: str
    outcome: Outcome
    code: RefusalCode | None = None
    field: Annotated[str, Field(max_length=200)] | None = None
    version: int | None = None
    rows: tuple[RowResult, ...] | None = None
