"""Who may send jobs to the embedded stack: its own web app, a web app of yours, and the operator; each has a key."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from integrations.private_files import write_private
from ops.embedded.secrets import password
from ops.source_rights import MAY_SEND, sources_file


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
    write_private(folder / "sources.toml", sources_file({name: f"{name}.key" for name in MAY_SEND}).encode())
    return Sources(folder / "sources.toml", keys)
