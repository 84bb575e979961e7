"""The queues of the lanes: each provider's has its own, named after it."""

_LANE = "deliver."


def lane_queue(provider: str) -> str:
    """Return the queue that wakes a provider's lane."""
    return _LANE + provider


def provider_of(queue: str) -> str | None:
    """Return the provider whose lane a queue wakes; None if it is no lane's."""
    return queue.removeprefix(_LANE) if queue.startswith(_LANE) else None
