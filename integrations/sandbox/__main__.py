"""Run the sandbox: `python -m integrations.sandbox --folder secrets --port 8700 --tls-port 8743`."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from integrations.sandbox import access, server
from integrations.sandbox.listening import listening

NO_ADDRESS = 1  # exit statuses
NO_FOLDER = 2


def main() -> int:
    """Serve until SIGTERM or SIGINT; the first two lines on standard output are the addresses, HTTP's and HTTPS's."""
    arguments = argparse.ArgumentParser(prog="integrations.sandbox", description="Serve every provider's contract.")
    arguments.add_argument("--folder", type=Path, required=True, help="where secrets and certificates are kept")
    arguments.add_argument("--port", type=int, required=True, help="0 takes a free one")
    arguments.add_argument("--tls-port", type=int, required=True, help="0 takes a free one")
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--log-limit", type=int, default=server.LOG_LIMIT, help="requests kept for each provider")
    given = arguments.parse_args()
    try:
        made = access.load_or_make(given.folder, server.find())
    except OSError as error:
        print(f"cannot use {given.folder}: {error.strerror}", file=sys.stderr)
        return NO_FOLDER
    try:
        asyncio.run(_serve(made, given))
    except OSError as error:
        print(f"cannot listen on {given.host}:{given.port}, {given.tls_port}: {error.strerror}", file=sys.stderr)
        return NO_ADDRESS
    return 0


async def _serve(made: access.Access, given: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    zone = ZoneInfo(os.environ.get("PERMIT_HUB_TIME_ZONE", "Europe/Paris"))
    sandbox = server.Sandbox(made.servers, made.secrets, zone, given.log_limit)
    async with listening(sandbox, made, host=given.host, port=given.port, tls_port=given.tls_port) as addresses:
        print(*addresses, sep="\n", flush=True)
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
