"""The transitions that an exploration plays: the real ones, or a mutant's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from worker.domain import sharing
from worker.domain.sharing import Result, Share, Timing, Urgency


@dataclass(frozen=True)
class Rules:
    """The functions of the sharing protocol."""

    is_due: Callable[[Share, datetime], bool] = sharing.is_due
    want: Callable[[Share, Urgency, datetime], Share] = sharing.want
    invalidate: Callable[[Share, datetime, Timing], Share] = sharing.invalidate
    claim: Callable[..., Share] = sharing.claim  # a share, the wanted hash, the lease, now, times, and any subject
    record: Callable[[Share, UUID, Result, datetime, Timing], Share] = sharing.record


REAL = Rules()
