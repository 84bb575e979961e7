"""The stand-ins as a process of their own, and an app that they serve.

- `app`: a server in place of the app; it records notifications and gives the answers that a test sets.
- `stand_ins` (session): their address and settings.
"""

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ops.embedded.servers import free_port
from tests.support.waiting import eventually

SECONDS = 20.0


@dataclass(frozen=True)
class StandIns:
    """The address of the running process, and the app's settings."""

    port: int
    app_port: int
    client_id: str = "the-app"
    client_secret: str = field(default="c" * 32, repr=False)
    payment_secret: str = field(default="p" * 32, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        return f"{self.url}/monparis"

    @property
    def app_url(self) -> str:
        return f"http://127.0.0.1:{self.app_port}"

    @property
    def redirect_uri(self) -> str:
        return f"{self.app_url}/connexion/retour"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PERSONAL_SPACE_URL": self.app_url,
            "PERSONAL_SPACE_ISSUER": self.issuer,
            "PERSONAL_SPACE_CLIENT_ID": self.client_id,
            "PERSONAL_SPACE_CLIENT_SECRET": self.client_secret,
            "PERSONAL_SPACE_PAYMENT_SECRET": self.payment_secret,
        }


@pytest.fixture(scope="session")
def stand_ins() -> Iterator[StandIns]:
    made = StandIns(free_port(), free_port())
    command = [sys.executable, "-m", "personal_space.stand_ins", "--port", str(made.port)]
    with subprocess.Popen(command, env=os.environ | made.environment) as process:
        try:
            eventually(lambda: _is_healthy(made.url), "the stand-ins to serve")
            yield made
        finally:
            process.terminate()
        assert process.wait(SECONDS) == 0


@dataclass
class App:
    """A server in place of the app."""

    notifications: list[str] = field(default_factory=list)
    answers: list[tuple[int, object]] = field(default_factory=list)  # the last one is repeated

    def answer(self) -> tuple[int, object]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def app(stand_ins: StandIns) -> Iterator[App]:
    made = App(answers=[(200, {"outcome": "confirmed"})])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._end(200, f"app: {self.path}")

        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.notifications.append(told["notification"])
            self._end(*made.answer())

        def _end(self, status: int, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", stand_ins.app_port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/sante", timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False
