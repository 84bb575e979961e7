"""Run the sandbox: `python -m integrations.sandbox --port 8700`."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web

from integrations.sandbox.server import DIALECTS, LOG_LIMIT, Sandbox

SECRETS = Path("/run/secrets")
WRONG_SETTING = 2  # exit statuses
NO_ADDRESS = 1


def main() -> int:
    """Serve until SIGTERM or SIGINT; the first line on standard output is the address."""
    arguments = argparse.ArgumentParser(prog="integrations.sandbox", description="Serve every provider's contract.")
    arguments.add_argument("--port", type=int, required=True, help="0 takes a free one")
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--log-limit", type=int, default=LOG_LIMIT, help="requests kept for each provider")
    given = arguments.parse_args()
    keys = {name: _key(_variable(name)) for name in DIALECTS}
    missing = [_variable(name) for name, key in keys.items() if not key]
    if missing:
        print(f"{', '.join(missing)}: missing", file=sys.stderr)
        return WRONG_SETTING
    zone = ZoneInfo(os.environ.get("PERMIT_HUB_TIME_ZONE", "Europe/Paris"))
    try:
        asyncio.run(_serve(Sandbox(keys, zone, given.log_limit), given.host, given.port))
    except OSError as error:
        print(f"cannot listen on {given.host}:{given.port}: {error.strerror}", file=sys.stderr)
        return NO_ADDRESS
    return 0


def _variable(name: str) -> str:
    return f"PERMIT_HUB_{name.upper()}_KEY"


def _key(variable: str) -> str:
    """Return the variable, or the content of the file of that name among the container's secrets."""
    file = SECRETS / variable.lower()
    return os.environ.get(variable) or (file.read_text().strip() if file.is_file() else "")


async def _serve(sandbox: Sandbox, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.ServerRunner(web.Server(sandbox.handle, access_log=None), shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=1024)
    await site.start()
    print(f"http://{host}:{site.port}", flush=True)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
