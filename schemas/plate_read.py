"""A plate as the hub reads it, for a web app to show before it sends a job."""

from schemas.base import Message


class PlateRead(Message):
    """A plate as it will be known; `unusual` if it is odd for its country, or was typed so that it may be one of two.

    Nothing is refused for being unusual: it asks for a second look.
    """

    plate: str
    country: str
    unusual: bool
