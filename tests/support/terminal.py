"""Commands in a terminal, which decides about colours, bars and widths."""

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence


def in_terminal(command: Sequence[str], *, columns: int = 80, environment: Mapping[str, str] | None = None) -> str:
    """Run a command in a terminal until it ends well; return all that it writes there."""
    ours, theirs = pty.openpty()
    variables = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(columns)} | dict(environment or {})
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, env=variables) as process:
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, 65_536):
                written += part
        except OSError:  # the command has ended
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0
    return written.decode()
