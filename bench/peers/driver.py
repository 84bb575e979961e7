"""The process in the peers' environment that carries out orders (bench/peers/drive.py), as seen from outside."""

import json
import select
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from ops.embedded.programs import FOLDER

PYTHON = FOLDER / ".venv-peers" / "bin" / "python"
ORDER_SECONDS = 700.0  # more than a peer's own limits
END_SECONDS = 5.0


class Driver:
    """One such process."""

    def __init__(self, module: str, environment: dict[str, str], log: Path) -> None:
        """Start it."""
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                (PYTHON, "-m", "bench.peers.drive", module),
                env=environment,
                cwd=FOLDER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def ask(self, order: str, *given: object) -> Any:
        """Have an order carried out and return the answer.

        Raises:
            TimeoutError: there was none in time.
            RuntimeError: the driver has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([order, *given]) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], ORDER_SECONDS)[0]:
            raise TimeoutError(f"no answer to {order} within {ORDER_SECONDS:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the driver ended during {order}")
        return json.loads(line)

    def end(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:  # it still carries out an order
            self._process.kill()
            self._process.wait()
