"""Commands of `permit-hub`, each in a process of its own, forked from one that has imported what all of them need.

A new Python for each would take a second, nearly all of it for imports. A forked command has the same arguments,
variables, input, output and exit code. `city` runs on the program as an operator starts it.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

STREAMS = {"stdin": os.O_RDONLY, "stdout": os.O_WRONLY, "stderr": os.O_WRONLY}  # in the order of their numbers
FORKING = f"""
import gc, json, os, runpy, sys
import celery.bin.celery, ops.cli, worker.app

gc.freeze()
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.argv = ["permit-hub", *asked["arguments"]]
        for number, (name, flags) in enumerate({STREAMS}.items()):
            opened = os.open(asked["folder"] + "/" + name, flags)
            os.dup2(opened, number)
            os.close(opened)
        if asked["module"]:
            sys.modules.pop(asked["module"], None)
            runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
        ops.cli.main()
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Commands:
    """The process from which commands are forked, one after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(
        self, arguments: list[str], environment: Mapping[str, str], given: str = "", module: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, or another module as `python -m` does."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory(prefix="hub-command-") as name:
            folder = Path(name)
            for stream in STREAMS:
                (folder / stream).write_text(given if stream == "stdin" else "")
            asked = {"module": module, "arguments": arguments, "environment": dict(environment), "folder": name}
            self._process.stdin.write(f"{json.dumps(asked)}\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            printed, complaint = ((folder / stream).read_text() for stream in ("stdout", "stderr"))
        return subprocess.CompletedProcess(arguments, code, printed, complaint)


@contextmanager
def ready_to_fork() -> Iterator[Commands]:
    """Run the process from which commands are forked."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Commands(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0
