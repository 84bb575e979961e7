"""The provider of docs/adding-a-provider.md: its files, a copy of the hub with it, and a server for it."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import yaml
from aiohttp import web
from jsonschema import Draft202012Validator, FormatChecker

NAME = "toy"
KEY = "a-key-of-the-toy-s-own"
PROJECT = Path(__file__).parent.parent.parent
PAGE = PROJECT / "docs" / "adding-a-provider.md"
REGISTRY = "integrations/registry.py"
CONTRACT = f"integrations/{NAME}/contract.yaml"
BLOCK = re.compile(r"^`(integrations/[^`\n]+)`[^\n]*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LAST_LINE = re.compile(r'^ +"\w+": "integrations\.\w+\.adapter:\w+",\n(?=    \})', re.MULTILINE)
COPIED = ("schemas", "integrations", "worker", "ops", "upstream", "bench", "tests", "docs")


def shown() -> dict[str, str]:
    """Return the files that the page shows, by path."""
    return dict(BLOCK.findall(PAGE.read_text()))


def copied_with_it(folder: Path) -> Path:
    """Copy the project and follow the page's steps."""
    for name in COPIED:
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("celeryconfig.py", "pyproject.toml"):
        shutil.copy(PROJECT / name, folder)
    (folder / "integrations" / NAME).mkdir()
    files = shown()
    line = files.pop(REGISTRY)
    for name, text in files.items():
        with (folder / name).open("x") as file:
            file.write(text)
    registry = folder / REGISTRY
    with_it, found = LAST_LINE.subn(rf"\g<0>{line}", registry.read_text())
    assert found == 1
    registry.write_text(with_it)
    return folder


@dataclass
class Partner:
    """A server that accepts requests with the key, as far as the page's contract allows them."""

    url: str = ""
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered: list[tuple[str, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        right = yaml.safe_load(shown()[CONTRACT])["components"]["schemas"]["Right"]
        self._right = Draft202012Validator(right, format_checker=FormatChecker())

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        response = await self._answer(request)
        self.answered.append((request.method, request.path, response.status))
        return response

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        reference = request.path.removeprefix("/rights/")
        if request.headers.get("X-Toy-Key") != KEY:
            return web.Response(status=401)
        if request.method == "PUT":
            right = await request.json()
            if not self._right.is_valid(right):
                return web.json_response({"error": "BAD_RIGHT"}, status=422)
            self.held[reference] = right
        elif self.held.pop(reference, None) is None:
            return web.json_response({"error": "NO_RIGHT"}, status=404)
        return web.Response(status=204)


@contextmanager
def partner() -> Iterator[Partner]:
    """Serve on a free port, in a thread of this process."""
    found, stop, ready = Partner(), asyncio.Event(), Future[int]()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        runner = web.ServerRunner(web.Server(found.answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.set_result(runner.addresses[0][1])
        await stop.wait()
        await runner.cleanup()

    thread = Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        found.url = f"http://127.0.0.1:{ready.result(timeout=10)}"
        yield found
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
