"""The web app as a process of a test's own, with settings of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from ops.embedded.servers import free_port
from tests.support.city import City
from tests.support.waiting import eventually


@contextmanager
def running_app(city: City, **settings: str) -> Iterator[str]:
    """Run an app with the city's settings, some of them changed; yield its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    known = {name: value for name, value in city.environment.items() if name.startswith("PERSONAL_SPACE_")}
    changed = {f"PERSONAL_SPACE_{name.upper()}": value for name, value in ({"url": url} | settings).items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "personal_space", "--port", str(port)],
        env=os.environ | known | changed,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _serves(url) or process.poll() is not None, "the app to serve")
        assert process.poll() is None
        yield url
    finally:
        process.terminate()
        assert process.wait(20) == 0


def _serves(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/sante", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False
