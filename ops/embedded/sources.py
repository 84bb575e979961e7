"""Who may send jobs to the embedded stack: its own web app, a web app of yours, and the operator; each has a key."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from integrations.private_files import write_private
from ops.embedded.secrets import password
from schemas.jobs import KINDS

PERSONAL_SPACE, PORTAL, OPERATOR = "personal-space", "my-portal", "cli"
MAY_SEND: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # It also hears from the payment service, so it confirms payments.
        PERSONAL_SPACE: frozenset(KINDS) - {"permit.decide", "permit.import"},
        PORTAL: frozenset(KINDS) - {"permit.decide", "permit.import", "permit.confirm_payment"},
        OPERATOR: frozenset(KINDS),
    }
)


@dataclass(frozen=True, slots=True)
class Sources:
    """The file that names the sources, and their keys."""

    file: Path
    keys: Mapping[str, str] = field(repr=False)


def prepare(data: Path, secret: str) -> Sources:
    """Write the file, and one for each key; keys stay the same from run to run."""
    folder = data / "sources"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    keys = {name: password(secret, name) for name in MAY_SEND}
    for name, key in keys.items():
        write_private(folder / f"{name}.key", f"{key}\n".encode())
    entries = [
        f"[{name}]\nkeys = {json.dumps([f'{name}.key'])}\nkinds = {json.dumps(sorted(kinds))}\n"
        for name, kinds in MAY_SEND.items()
    ]
    write_private(folder / "sources.toml", "\n".join(entries).encode())
    return Sources(folder / "sources.toml", keys)
