"""The URL of Redis, and the authority that its certificate is checked against."""

import re
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

FORM = "redis://[[user]:password@]host[:port][/number], or rediss:// for TLS"


@dataclass(frozen=True, slots=True)
class Server:
    """A Redis server. Its URL may carry a password."""

    url: str = field(repr=False)
    options: dict[str, Any]
    """Arguments of redis-py beside the URL."""

    @classmethod
    def at(cls, url: str, authority: str | PathLike[str] | None) -> Self:
        """Return the server at a URL.

        Raises:
            ValueError: the URL is not a Redis URL, or the authority cannot be used; the message does not show the URL.
        """
        try:
            parts = urlsplit(url)
            whole = parts.scheme in {"redis", "rediss"} and parts.hostname and parts.port != 0
        except ValueError:
            whole = False
        if not whole or not re.fullmatch(r"/?[0-9]*", parts.path):
            raise ValueError(f"the URL of Redis is not {FORM}")
        if "?" in url or "#" in url:
            raise ValueError(f"the URL of Redis takes no parameters, and ? and # in a password are %3F and %23: {FORM}")
        if authority is None:
            return cls(url, {})
        if parts.scheme != "rediss":
            raise ValueError("an authority needs a URL that begins with rediss://")
        if not Path(authority).is_file():
            raise ValueError("the file of the authority does not exist")
        return cls(url, {"ssl_ca_certs": fspath(authority)})
