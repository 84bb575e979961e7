"""The HTML in a browser: accessible, on small and large screens, in light and dark mode."""

from dataclasses import replace
from typing import Literal

import pytest
from playwright.sync_api import Page, ViewportSize

from integrations.channels.base import Notice
from integrations.channels.wording import words
from schemas.jobs import Language
from tests.channels.notices import EXPIRY, NOTICES
from tests.support.browsing import DESKTOP, PHONE, flaws

STOP_URL = "https://demo.example/rappels/arreter/7b0f1f0c-8f62-4d0c-8f0d-3c3f5c2f5a11"
OF_WHOLE_PAGES = ("landmark-one-main: ", "region: ")  # the mail program's page has a main part of its own
Scheme = Literal["light", "dark"]
SMALLEST_TARGET = 44  # pixels, for a finger


def show(page: Page, notice: Notice) -> None:
    page.set_content(words(notice, "https://demo.example/espace", STOP_URL).html)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", Language)
def test_axe_finds_no_fault_in_a_notice(page: Page, language: Language, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme)
    found = []
    for name in ("expiry_ahead", "payment_address"):  # all have the same layout
        show(page, replace(NOTICES[name], language=language))
        found += [(name, flaw) for flaw in flaws(page) if not flaw.startswith(OF_WHOLE_PAGES)]

    assert found == []


def test_a_notice_follows_the_dark_and_the_light_mode(page: Page) -> None:
    def brightness(scheme: Scheme) -> int:
        page.emulate_media(color_scheme=scheme)
        show(page, EXPIRY)
        shown: int = page.evaluate("""() => {
            const paper = getComputedStyle(document.querySelector(".paper")).backgroundColor;
            return Math.max(...paper.match(/[0-9]+/g).slice(0, 3));
        }""")
        return shown

    assert brightness("light") > 240
    assert brightness("dark") < 60


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
def test_nothing_is_wider_than_the_screen(page: Page, viewport: ViewportSize) -> None:
    page.set_viewport_size(viewport)
    for notice in NOTICES.values():
        show(page, replace(notice, name="Z" * 200, plate="W" * 20))
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_the_link_to_the_space_is_large_enough_for_a_finger(page: Page) -> None:
    page.set_viewport_size(PHONE)
    show(page, EXPIRY)

    button = page.get_by_role("link", name="Renouveler mon droit")
    box = button.bounding_box()

    assert box is not None
    assert box["height"] >= SMALLEST_TARGET
    assert button.get_attribute("href") == "https://demo.example/espace"
    assert page.get_by_role("link", name="Ne plus recevoir de rappels").get_attribute("href") == STOP_URL
    assert (
        page.get_by_role("heading", level=1).inner_text() == "Votre droit de stationnement prend fin dans 30\u00a0jours"
    )
