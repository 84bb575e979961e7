"""What can go wrong with a provider, in our words.

ProviderError
├── NotSentError      surely not applied: refused connection, 429, an expired deadline before sending
│   └── StaleError    the provider has a later version of this reference
├── UnclearError      may or may not have been applied: time-out, reset, other 5xx, an answer that cannot be read
│   └── LostError     the provider no longer knows an operation that it took
└── RejectedError     refused for good: the same request will be refused again
"""

from enum import StrEnum


class FailureCode(StrEnum):
    """What went wrong, in one stable word; dead letters, disclosures and logs show it."""

    # surely not applied
    NOT_CONNECTED = "not_connected"
    DEADLINE_PASSED = "deadline_passed"  # before the first byte
    THROTTLED = "throttled"
    UNAUTHORISED = "unauthorised"  # our access is wrong, not the permit: an operator mends it, then it goes on
    CERTIFICATE_WRONG = "certificate_wrong"  # theirs is expired or not trusted, or ours was not accepted
    ADDRESS_REFUSED = "address_refused"  # their host is at a private address
    STALE_VERSION = "stale_version"
    # unclear
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed_out"
    CONNECTION_LOST = "connection_lost"
    SERVER_ERROR = "server_error"
    REDIRECTED = "redirected"
    HEAD_TOO_LARGE = "head_too_large"  # a header, or their number
    HEAD_UNREADABLE = "head_unreadable"  # what came does not begin as HTTP does
    ANSWER_CUT_SHORT = "answer_cut_short"  # it began and did not end as it said
    ANSWER_TOO_LARGE = "answer_too_large"
    ENCODING_UNKNOWN = "encoding_unknown"  # compressed in a form that we do not read
    ENCODING_BROKEN = "encoding_broken"  # not compressed as it says
    CHARSET_UNKNOWN = "charset_unknown"
    ANSWER_UNREADABLE = "answer_unreadable"  # no JSON, or not what the contract promises
    LIST_ENDLESS = "list_endless"  # its pages run in a circle
    SEVERAL_ACTIVE = "several_active"  # more than one series of permits counts at once
    ROW_MISSING = "row_missing"  # a batch's answer does not speak of it
    OPERATION_LOST = "operation_lost"
    # refused for good
    FIELD_MISSING = "field_missing"
    PLATE_REFUSED = "plate_refused"
    COUNTRY_REFUSED = "country_refused"
    ZONE_UNKNOWN = "zone_unknown"
    PROFILE_UNKNOWN = "profile_unknown"
    VALIDITY_REFUSED = "validity_refused"
    REQUEST_REFUSED = "request_refused"  # their word for it has no row in our table


class ProviderError(Exception):
    """A failed exchange: provider, HTTP status and their code in our words; never a body, a header or a URL."""

    def __init__(
        self, provider: str, code: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{provider}: {code}" + (f" (HTTP {status})" if status is not None else ""))
        self.provider = provider
        self.code = code
        self.status = status
        self.retry_after = retry_after  # seconds that the provider asked for, an hour at most


class NotSentError(ProviderError):
    """The provider surely did not apply the request; it may be tried again."""


class StaleError(NotSentError):
    """The provider has seen a later version of this reference than the one that was sent."""

    def __init__(self, provider: str, version: int, *, status: int | None = None) -> None:
        super().__init__(provider, FailureCode.STALE_VERSION, status=status)
        self.version = version  # what they have


class UnclearError(ProviderError):
    """The provider may have applied the request, now or later; only a new claim finds out."""


class LostError(UnclearError):
    """The provider took a request, and now knows nothing of the operation that it named."""

    def __init__(self, provider: str, *, status: int | None = None) -> None:
        super().__init__(provider, FailureCode.OPERATION_LOST, status=status)


class RejectedError(ProviderError):
    """The provider refuses this request for good."""
