"""Run the mailbox: `python -m ops.mailbox --folder data/mailbox --port 1025`."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from ops.mailbox import access
from ops.mailbox.server import serve

NO_ADDRESS = 1  # exit statuses
WRONG_FOLDER = 2


def main() -> int:
    """Serve until SIGTERM or SIGINT; the first line on standard output is the address."""
    arguments = argparse.ArgumentParser(prog="ops.mailbox", description="Keep what is sent to residents.")
    arguments.add_argument("--folder", type=Path, required=True, help="where access and messages are kept")
    arguments.add_argument("--port", type=int, required=True, help="0 takes a free one")
    arguments.add_argument("--host", default="127.0.0.1")
    given = arguments.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    try:
        made = access.load_or_make(given.folder)
    except OSError as error:
        print(f"{given.folder} cannot be used: {error.strerror}", file=sys.stderr)
        return WRONG_FOLDER
    try:
        asyncio.run(serve(made, _tell, host=given.host, port=given.port))
    except OSError as error:
        print(f"cannot listen on {given.host}:{given.port}: {error.strerror}", file=sys.stderr)
        return NO_ADDRESS
    return 0


def _tell(address: str) -> None:
    print(address, flush=True)


if __name__ == "__main__":
    sys.exit(main())
