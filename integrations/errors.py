"""The errors of a provider, in our words.

ProviderError
├── NotSentError      surely not applied: refused connection, 429, a deadline passed before sending
│   └── StaleError    the provider has a later version of this reference
├── UnclearError      may have been applied: time-out, reset, other 5xx, an unreadable answer
│   └── LostError     the provider no longer knows an operation that it accepted
└── RejectedError     refused for good: the same request will be refused again
"""

from enum import StrEnum


class FailureCode(StrEnum):
    """The kind of failure; stable, shown in dead letters, disclosures and logs."""

    # surely not applied
    NOT_CONNECTED = "not_connected"
    DEADLINE_PASSED = "deadline_passed"  # before the first byte
    THROTTLED = "throttled"
    UNAUTHORISED = "unauthorised"  # our access is wrong, not the permit: an operator corrects it
    CERTIFICATE_WRONG = "certificate_wrong"  # theirs is expired or untrusted, or they refused ours
    ADDRESS_REFUSED = "address_refused"  # their host is at a private address
    STALE_VERSION = "stale_version"
    # unclear
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed_out"
    CONNECTION_LOST = "connection_lost"
    SERVER_ERROR = "server_error"
    REDIRECTED = "redirected"
    HEAD_TOO_LARGE = "head_too_large"  # a header, or their number
    HEAD_UNREADABLE = "head_unreadable"  # the answer does not begin like HTTP
    ANSWER_CUT_SHORT = "answer_cut_short"  # it ended before its declared end
    ANSWER_TOO_LARGE = "answer_too_large"
    ENCODING_UNKNOWN = "encoding_unknown"  # an unknown compression
    ENCODING_BROKEN = "encoding_broken"  # not compressed as declared
    CHARSET_UNKNOWN = "charset_unknown"
    ANSWER_UNREADABLE = "answer_unreadable"  # not JSON, or not as in the contract
    LIST_ENDLESS = "list_endless"  # its pages go in a circle
    SEVERAL_ACTIVE = "several_active"  # more than one series of permits is active
    ROW_MISSING = "row_missing"  # missing in the answer to a batch
    OPERATION_LOST = "operation_lost"
    # refused for good
    FIELD_MISSING = "field_missing"
    PLATE_REFUSED = "plate_refused"
    COUNTRY_REFUSED = "country_refused"
    ZONE_UNKNOWN = "zone_unknown"
    PROFILE_UNKNOWN = "profile_unknown"
    VALIDITY_REFUSED = "validity_refused"
    REQUEST_REFUSED = "request_refused"  # their code is not in our table


class ProviderError(Exception):
    """A failed exchange: provider, our code and the HTTP status; never a body, a header or a URL."""

    def __init__(
        self, provider: str, code: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{provider}: {code}" + (f" (HTTP {status})" if status is not None else ""))
        self.provider = provider
        self.code = code
        self.status = status
        self.retry_after = retry_after  # seconds, as the provider asked; an hour at most


class NotSentError(ProviderError):
    """The provider surely did not apply the request; it may be tried again."""


class StaleError(NotSentError):
    """The provider has a later version of this reference than the one sent."""

    def __init__(self, provider: str, version: int, *, status: int | None = None) -> None:
        super().__init__(provider, FailureCode.STALE_VERSION, status=status)
        self.version = version  # the provider's


class UnclearError(ProviderError):
    """The provider may have applied the request, or may do so later; only a new claim finds out."""


class LostError(UnclearError):
    """The provider accepted a request, and no longer knows its operation."""

    def __init__(self, provider: str, *, status: int | None = None) -> None:
        super().__init__(provider, FailureCode.OPERATION_LOST, status=status)


class RejectedError(ProviderError):
    """The provider refuses this request for good."""
