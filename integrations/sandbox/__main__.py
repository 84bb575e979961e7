"""Run the sandbox: `python -m integrations.sandbox --folder secrets --port 8700 --tls-port 8743`."""

import argparse
import asyncio
import gc
import sys
from pathlib import Path

from integrations.sandbox import access, server
from integrations.sandbox.listening import Addresses, serve

YOUNG_ONLY = (10_000, 20, 1_000_000)
"""When garbage is collected: a search of all copies and requests would hold up every answer for 0.1 s and more."""

NO_ADDRESS = 1  # exit statuses
WRONG_SETTING = 2


def main() -> int:
    """Serve until SIGTERM or SIGINT; the first two lines of standard output are the HTTP and the HTTPS address."""
    arguments = argparse.ArgumentParser(prog="integrations.sandbox", description="Serve every provider's contract.")
    arguments.add_argument("--folder", type=Path, required=True, help="where secrets and certificates are kept")
    arguments.add_argument("--port", type=int, required=True, help="0 takes a free one")
    arguments.add_argument("--tls-port", type=int, required=True, help="0 takes a free one")
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--log-limit", type=int, default=server.LOG_LIMIT, help="requests kept for each provider")
    given = arguments.parse_args()
    gc.set_threshold(*YOUNG_ONLY)
    try:
        made = access.load_or_make(given.folder, server.find())
        sandbox = server.Sandbox(made, server.city_zone(), given.log_limit)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return WRONG_SETTING
    try:
        asyncio.run(serve(sandbox, made, _tell, host=given.host, port=given.port, tls_port=given.tls_port))
    except OSError as error:
        print(f"cannot listen on {given.host}:{given.port}, {given.tls_port}: {error.strerror}", file=sys.stderr)
        return NO_ADDRESS
    return 0


def _tell(addresses: Addresses) -> None:
    print(*addresses, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
