"""The envelope of a broadcast, a command or events: JSON around a body in base64. `wire` has that of a job."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

UNREADABLE = (ValueError, TypeError, LookupError, RecursionError)
"""What reading an envelope raises, or looking for something in it, if it is malformed or too large."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The size of a text, and the number of its lists and objects, that are read at most."""

    size: int
    containers: int

    def read(self, text: bytes) -> object:
        """Parse a text within these limits."""
        if len(text) > self.size or text.count(b"[") + text.count(b"{") > self.containers:
            raise ValueError
        parsed: object = json.loads(text)
        return parsed

    def read_body(self, envelope: Mapping[str, Any]) -> object:
        """Parse the body of an envelope within these limits."""
        return self.read(base64.b64decode(envelope["body"], validate=True))


def json_object(value: object) -> dict[str, Any]:
    """Return a value that must be an object."""
    if not isinstance(value, dict):
        raise TypeError
    return value


def packed(body: object, exchange: str) -> bytes:
    """Return an envelope as kombu sends it, without headers: no clock is needed, and a sender's may be too long."""
    message = {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {},
        "properties": {
            "body_encoding": "base64",
            "delivery_info": {"exchange": exchange, "routing_key": ""},
            "delivery_mode": 1,
            "delivery_tag": str(uuid4()),
            "priority": 0,
        },
    }
    return json.dumps(message).encode()
