"""Submit jobs to a permit hub, read personal spaces and watch them change."""

from permit_hub_client.errors import HubError, HubFailed, HubUnavailable, InvalidJob, ReceiptTimeout
from permit_hub_client.hub import Hub
from permit_hub_client.job import Job
from permit_hub_client.receipt import Receipt, RowResult
from permit_hub_client.watch import RESUMED, Watch

__all__ = [
    "RESUMED",
    "Hub",
    "HubError",
    "HubFailed",
    "HubUnavailable",
    "InvalidJob",
    "Job",
    "Receipt",
    "ReceiptTimeout",
    "RowResult",
    "Watch",
]
