"""A real browser, and what makes a page usable for everyone.

- `chromium` (module): Debian's Chromium, headless. Where there is none, tests that name it are skipped; where `CI` is
  set they fail, so that they do not pass unseen.
- `page`: a fresh page of it, with no cookies.
- `PHONE`, `DESKTOP`: the smallest screen that a page must fit, and an ordinary one.
- `flaws(page)`: what axe finds wrong with a page, one line for each rule and element.
"""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE: ViewportSize = {"width": 320, "height": 640}
DESKTOP: ViewportSize = {"width": 1000, "height": 800}
AXE = Axe().axe_script
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage"]  # tests may run as root, and in a small container


@pytest.fixture(scope="module")  # its event loop must not be there when other modules run one of their own
def chromium() -> Iterator[Browser]:
    binary = next(filter(None, map(shutil.which, NAMES)), None)
    if binary is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="fr-FR")
    yield context.new_page()
    context.close()


def flaws(page: Page) -> list[str]:
    """Return what axe finds wrong with a page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate("axe.run({resultTypes: ['violations']}).then((all) => all.violations)")
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]
