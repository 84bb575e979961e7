"""What can go wrong on the way to the hub and back.

HubError
├── InvalidJob        it was not sent, and never can be as it is
├── HubUnavailable    Redis did not answer: it may have been sent or not
├── ReceiptTimeout    it was sent; the answer has not come yet
└── HubFailed         it was sent; the hub broke down over it

A refusal is none of these: it is a receipt. No message here shows what a job carries.
"""
# ruff: noqa: N818  (the names are the conditions: a receipt's time-out is no mistake of anybody's)

from permit_hub_client.job import Job


class HubError(Exception):
    """Something went wrong on the way to the hub or back.

    `job` is the job that it was about. Sending it again, `hub.submit(error.job)`, is always safe: it keeps its
    `job_id`, under which the hub applies it once.
    """

    def __init__(self, message: str, job: Job | None = None) -> None:
        super().__init__(message)
        self.job = job


class InvalidJob(HubError, ValueError):
    """The job cannot be sent: unknown kind, too large, or a value that JSON has no form for."""


class HubUnavailable(HubError):
    """Redis cannot be reached or does not answer."""


class ReceiptTimeout(HubError):
    """The answer did not come in time; what was asked may still take effect."""


class HubFailed(HubError):
    """The hub could not answer: its task was ended, or broke on a mistake of the hub's own."""
