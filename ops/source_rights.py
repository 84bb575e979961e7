"""What each app that sends to the hub may send and read, and the file that tells the hub so.

The residents' web app also hears from the payment service, so it confirms payments. No app of residents decides on
requests, or imports.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType

from schemas.jobs import DOCUMENTS, KINDS

PERSONAL_SPACE, PORTAL, OPERATOR = "personal-space", "my-portal", "cli"
_ALL = frozenset({*KINDS, *DOCUMENTS})
MAY_SEND: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        PERSONAL_SPACE: _ALL - {"permit.decide", "permit.import"},
        PORTAL: _ALL - {"permit.decide", "permit.import", "permit.confirm_payment"},
        OPERATOR: _ALL,
    }
)


def sources_file(keys: Mapping[str, str]) -> str:
    """Return the content of the file of `PERMIT_HUB_SOURCES`, for sources by the name of their key's file."""
    return "\n".join(
        f"[{name}]\nkeys = {json.dumps([file])}\nkinds = {json.dumps(sorted(MAY_SEND[name]))}\n"
        for name, file in keys.items()
    )
