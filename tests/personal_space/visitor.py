"""A visitor of the web app without a browser: reads pages and sends their forms with the hidden fields."""

import re
from collections.abc import Mapping
from html import unescape

import httpx2
from httpx2 import Response

_HIDDEN = re.compile(r'<input [^>]*type="hidden"[^>]*>')
_NAME, _VALUE = re.compile(r'name="([^"]*)"'), re.compile(r'value="([^"]*)"')
_MAIN = re.compile(r"<main.*</main>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


class Visitor:
    """One visitor with cookies of their own; redirects are not followed."""

    def __init__(self, url: str, cookies: Mapping[str, str] | None = None, **headers: str) -> None:
        self.http = httpx2.Client(base_url=url, headers={"Accept-Language": "fr"} | headers, timeout=20)
        for name, value in (cookies or {}).items():
            self.http.cookies.set(name, value, domain=self.http.base_url.host)

    def get(self, path: str) -> Response:
        """Read a page."""
        return self.http.get(path)

    def post(self, path: str, fields: Mapping[str, object] | None = None) -> Response:
        """Send only these fields."""
        return self.http.post(path, data=fields or {})

    def hidden(self, path: str) -> dict[str, str]:
        """Read a page and return its form's hidden fields."""
        return hidden(main(self.get(path)))

    def send(self, path: str, shown_at: str | None = None, **fields: object) -> Response:
        """Read a page's form, fill it in and send it."""
        return self.post(path, self.hidden(shown_at or path) | fields)

    def decide(self, choice: str) -> Response:
        """Make the choice on the transmission of data on the current page."""
        return self.send("/consentement", "/espace", choice=choice)


def main(answer: Response) -> str:
    """Return the main part of a page."""
    found = _MAIN.search(answer.text)
    assert found is not None, (answer.status_code, answer.text[:300])
    return found.group()


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's form."""
    fields = {}
    for field in _HIDDEN.findall(page):
        name, value = _NAME.search(field), _VALUE.search(field)
        assert name is not None
        fields[name.group(1)] = unescape(value.group(1)) if value else ""
    return fields


def text(page: str) -> str:
    """Return the text of a page with single spaces."""
    return " ".join(unescape(_TAG.sub(" ", page)).split())


def beside(page: str, field: str) -> str:
    """Return the error message of a field, found as assistive technology finds it."""
    said = re.search(rf'id="{field}-error">(.*?)</p>', page, re.DOTALL)
    if said is None:
        return ""
    assert re.search(rf'aria-describedby="[^"]*\b{field}-error', page), "the field does not name its message"
    return text(said.group(1))
