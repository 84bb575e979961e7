"""`python -m personal_space`: serve the web app."""

import argparse
import signal
import sys
from types import FrameType

import uvicorn

from personal_space.app import make_app


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m personal_space", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: loopback)")
    parser.add_argument("--port", type=int, default=8800)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)  # uvicorn shuts down, then raises the signal again
    uvicorn.run(
        make_app(),
        host=arguments.host,
        port=arguments.port,
        access_log=False,  # paths have permit ids; the proxy in front may keep a log
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=2,  # live pages never end their request
    )


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
