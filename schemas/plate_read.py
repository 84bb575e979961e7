"""A plate as the hub reads it, for a web app to show before it sends a job."""

from schemas.base import Message


class PlateRead(Message):
    """A plate as it will be known."""

    plate: str
    country: str
    unusual: bool
    """Whether it is odd for its country, or may be one of two: worth a second look, but not refused."""
