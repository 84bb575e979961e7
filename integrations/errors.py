"""What can go wrong with a provider, in our words.

ProviderError
├── NotSentError      surely not applied: refused connection, 429, 503, an expired deadline before sending
├── UnclearError      may or may not have been applied: time-out, reset, other 5xx, an answer that cannot be read
└── RejectedError     refused for good: the same request will be refused again
"""


class ProviderError(Exception):
    """A failed exchange: provider, HTTP status and their code in our words; never a body, a header or a URL."""

    def __init__(
        self, provider: str, code: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{provider}: {code}" + (f" (HTTP {status})" if status is not None else ""))
        self.provider = provider
        self.code = code
        self.status = status
        self.retry_after = retry_after  # seconds that the provider asked for


class NotSentError(ProviderError):
    """The provider surely did not apply the request; it may be tried again."""


class UnclearError(ProviderError):
    """The provider may have applied the request, now or later; only a new claim finds out."""


class RejectedError(ProviderError):
    """The provider refuses this request for good."""
