"""Residents who are signed in at the running web app, without MonParis.

- `session_of(resident_id, …)`: a session cookie like the app's.
- `visit(resident_id, …)`: a resident, or None for a visitor without a session, without a browser
  (`tests.personal_space.visitor`).
- `enter(resident_id, path, …)`: a page in a browser of its own, signed in; None for no session. The test fails if the
  browser's console shows an error or warning, such as one about the Content-Security-Policy.
- `picture(page, name, size, top)`: a picture of the page, kept for the docs if `make images` runs the test.
"""

import json
import os
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from itsdangerous import TimestampSigner
from personal_space.session import Resident
from personal_space.stand_ins.monparis.claims import claims
from personal_space.verified import Verified
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, ViewportSize, expect

from tests.personal_space.visitor import Visitor
from tests.support.browsing import DESKTOP
from tests.support.city import City
from tests.support.waiting import PATIENCE_SECONDS

SessionOf = Callable[..., dict[str, str]]
Enter = Callable[..., Page]
Picture = Callable[..., None]
Visit = Callable[..., Visitor]
IMAGES = Path(__file__).parents[2] / "docs" / "images"
PICTURE: ViewportSize = {"width": 700, "height": 685}
LARGEST_IMAGE = 100_000  # bytes: pictures stay in the repository

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


@pytest.fixture
def session_of(city: City) -> SessionOf:
    signer = TimestampSigner(city.environment["PERSONAL_SPACE_SECRET"])

    def session_of(
        resident_id: str,
        *,
        name: str = "Essai Exemple",
        language: str | None = None,
    ) -> dict[str, str]:
        account = city.accounts.get(resident_id)
        verified = Verified.of(claims(account, ["parking"])) if account else Verified()
        resident = Resident(resident_id=resident_id, name=name, verified=verified).model_dump(mode="json")
        now = int(time.time())
        session = {"resident": resident, "since": now, "seen": now} | ({"language": language} if language else {})
        return {"session": signer.sign(b64encode(json.dumps(session).encode())).decode()}

    return session_of


@pytest.fixture
def visit(city: City, session_of: SessionOf) -> Iterator[Visit]:
    visitors: list[Visitor] = []

    def visit(resident_id: str | None = None, *, language: str | None = None) -> Visitor:
        cookies = session_of(resident_id, language=language) if resident_id else None
        visitors.append(Visitor(city.personal_space, cookies))
        return visitors[-1]

    yield visit
    for visitor in visitors:
        visitor.http.close()


@pytest.fixture
def enter(city: City, chromium: Browser, session_of: SessionOf) -> Iterator[Enter]:
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            complaints.append(message.text)

    def enter(resident_id: str | None = None, path: str = "/espace", **options: Any) -> Page:
        of_session = {name: options.pop(name) for name in ("language",) if name in options}
        context = chromium.new_context(**({"locale": "fr-FR", "viewport": DESKTOP} | options))
        contexts.append(context)
        context.on("console", heard)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        if resident_id is not None:
            for name, value in session_of(resident_id, **of_session).items():
                context.add_cookies([{"name": name, "value": value, "url": city.personal_space}])
        page = context.new_page()
        page.goto(city.personal_space + path)
        return page

    yield enter
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def picture() -> Picture:
    def picture(page: Page, name: str, size: ViewportSize = PICTURE, top: Locator | None = None) -> None:
        if "IMAGES" not in os.environ:
            return
        page.set_viewport_size(size)
        page.evaluate("document.activeElement.blur()")
        (top or page.locator("html")).evaluate("element => element.scrollIntoView()")
        made = page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
        assert len(made) < LARGEST_IMAGE

    return picture
