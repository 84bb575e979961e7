"""A plate as the hub reads it, for a web app to show before it sends a job."""

from schemas.base import Message


class PlateRead(Message):
    """A plate in the hub's spelling; `unusual` if it is odd for its country, or could be read as two plates.

    An unusual plate is not refused: the resident is asked to check it.
    """

    plate: str
    country: str
    unusual: bool
