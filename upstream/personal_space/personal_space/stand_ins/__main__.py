"""Run the stand-ins: `python -m personal_space.stand_ins --port 8702`."""

import argparse
import signal
import sys
from types import FrameType

import uvicorn

from personal_space.stand_ins import settings
from personal_space.stand_ins.app import application

WRONG_SETTING = 2  # exit status


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    arguments = argparse.ArgumentParser(
        prog="personal_space.stand_ins", description="Serve MonParis and the payment service."
    )
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, required=True)
    given = arguments.parse_args()
    try:
        app = application(settings.read())
    except (OSError, ValueError) as error:
        print(f"PERSONAL_SPACE_ACCOUNTS is wrong: {error}", file=sys.stderr)
        return WRONG_SETTING
    for asked_to_end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked_to_end, _end)  # uvicorn shuts down, then raises the signal again
    uvicorn.run(
        app,
        host=given.host,
        port=given.port,
        access_log=False,  # URLs carry orders and codes
        log_level="warning",
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    return 0


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
