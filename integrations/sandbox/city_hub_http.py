"""Read requests to the city's hub, and answer malformed ones."""

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlencode

from integrations.sandbox.city_hub_documents import BadRequest, Document
from integrations.sandbox.city_hub_store import PAGE
from integrations.sandbox.records import Answer, Reply, Sent

HTML = {"Content-Type": "text/html; charset=utf-8"}
NOWHERE = Answer(404, b"<!doctype html><title>Not Found</title><h1>Not Found</h1>", HTML)
BROKEN = Reply(Answer(500, b"<!doctype html><title>Server Error (500)</title><h1>Server Error (500)</h1>", HTML))


class Refused(Exception):  # noqa: N818 - an answer
    """A request that is answered early."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def body(sent: Sent) -> object:
    """Return the JSON of the body."""
    said = sent.headers.get("Content-Type", "")
    if said.partition(";")[0].strip().lower() != "application/json":
        raise Refused(Answer(415, {"detail": f'Unsupported media type "{said}" in request.'}))
    try:
        return json.loads(sent.body)
    except (ValueError, RecursionError):
        raise Refused(Answer(400, {"detail": "JSON parse error"})) from None


def options(value: object, *members: str) -> Document:
    """Return an object, which may have only these keys."""
    if not isinstance(value, dict):
        raise BadRequest({"non_field_errors": ["Invalid data. Expected a dictionary."]})
    if unknown := value.keys() - set(members):
        raise BadRequest({name: ["Unknown field."] for name in unknown})
    return value


def query(sent: Sent, *members: str) -> dict[str, str]:
    """Return the query's parameters, which may be only these."""
    found = dict(parse_qsl(sent.path.partition("?")[2], keep_blank_values=True))
    options(found, *members)
    return found


def page_number(asked: Mapping[str, str]) -> int:
    """Return the number of the requested page."""
    wanted = asked.get("page", "1")
    if not re.fullmatch(r"[0-9]{1,7}", wanted) or int(wanted) < 1:
        raise Refused(Answer(404, {"detail": "Invalid page."}))
    return int(wanted)


def page_answer(sent: Sent, asked: Mapping[str, str], total: int, results: Sequence[Document]) -> Answer:
    """Return the requested page with links to its neighbours; the first page always exists."""
    number, pages = page_number(asked), max(-(-total // PAGE), 1)
    if number > pages:
        raise Refused(Answer(404, {"detail": "Invalid page."}))

    def address(other: int) -> str:
        path, host = sent.path.partition("?")[0], sent.headers.get("Host", "localhost")
        return f"http://{host}{path}?{urlencode({**asked, 'page': str(other)})}"

    return Answer(
        200,
        {
            "count": total,
            "next": address(number + 1) if number < pages else None,
            "previous": address(number - 1) if number > 1 else None,
            "results": results,
        },
    )
