"""Refuse to start a process or to open an address: `pytest -p tests.support.no_process`, as `make test-fast` runs."""

import sys

REFUSED = frozenset({"subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec", "socket.bind", "socket.connect"})


def refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse what a server needs, before it happens."""
    if event in REFUSED:
        raise RuntimeError(f"a fast test may neither start a process nor open an address: {event}")


sys.addaudithook(refuse)
