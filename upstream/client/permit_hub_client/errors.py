"""The client's errors.

HubError
├── InvalidJob        the job cannot be sent
├── HubUnavailable    Redis did not answer; the job may have been sent
├── ReceiptTimeout    the job was sent; there is no answer yet
├── HubFailed         the job was sent; the hub failed while handling it
└── HubRefused        a document is not for this app

A refused job is not an error: its receipt says so. No message shows a job's fields.
"""
# ruff: noqa: N818  (the names are the conditions)

from permit_hub_client.job import Job


class HubError(Exception):
    """A call to the hub failed.

    `job` is the job of that call. Sending it again, `hub.submit(error.job)`, is always safe: it keeps its `job_id`,
    and the hub applies each `job_id` once.
    """

    def __init__(self, message: str, job: Job | None = None) -> None:
        super().__init__(message)
        self.job = job


class InvalidJob(HubError, ValueError):
    """The job cannot be sent: unknown kind, too large, or a value without a form in JSON."""


class HubUnavailable(HubError):
    """Redis cannot be reached or does not answer."""


class ReceiptTimeout(HubError):
    """The answer did not come in time; the job may still take effect."""


class HubFailed(HubError):
    """The hub could not answer: its task was killed, or failed by a fault of the hub."""


class HubRefused(HubError):
    """The hub does not make a document for this app; `code` says why, as that of a receipt."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the hub does not make this document for this app ({code})")
        self.code = code
