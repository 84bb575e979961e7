"""Lists that go by reference: an answer that is no page, or leads nowhere, is unclear."""

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from integrations.errors import FailureCode, UnclearError
from tests.integrations import easypark_rights, flowbird_rights
from tests.integrations.certificates import Authority
from tests.integrations.conftest import Run
from tests.integrations.scripted import KEY, answering, reply

TOKEN = {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}


class Paged(NamedTuple):
    """How a provider lists: the member with the rights, the parameter to go on from, and what it answers before."""

    rights: str
    cursor: bytes
    before: tuple[object, ...]
    reach: Callable[[str, Path], Any]


PAGED = {
    "easypark": Paged("parkingrights", b"after", (), lambda url, _: easypark_rights.reach(url, KEY)),
    "flowbird": Paged("rights", b"cursor", (TOKEN,), flowbird_rights.reach),
}


@pytest.mark.parametrize("provider", PAGED)
@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"next": None, "rights": {}},
        {"next": None, "rights": [None]},
        {"next": ""},
        {"next": 7},
        {"next": "round&round"},
    ],
    ids=str,
)
def test_what_is_no_page_or_leads_nowhere_is_unclear(
    run: Run, tmp_path: Path, provider: str, rest: dict[str, object]
) -> None:
    paged, given = PAGED[provider], dict(rest)
    _refused(run, tmp_path, paged, {paged.rights: given.pop("rights", []), **given})


@pytest.mark.parametrize("provider", PAGED)
@pytest.mark.parametrize("body", [[], {}], ids=str)
def test_what_has_no_list_is_unclear(run: Run, tmp_path: Path, provider: str, body: object) -> None:
    _refused(run, tmp_path, PAGED[provider], body)


def _refused(run: Run, folder: Path, paged: Paged, body: object) -> None:
    certificate = folder / "hub.pem"
    certificate.write_bytes(Authority(folder).client("permit-hub"))

    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(reply("200 OK", json.dumps((*paged.before, body)[number]).encode()))

    async def ask() -> bytes:
        async with (
            answering(respond) as server,
            aclosing(paged.reach(f"http://127.0.0.1:{server.port}", certificate)) as adapter,
        ):
            with pytest.raises(UnclearError) as caught:
                await adapter.page("round&round")
        assert caught.value.code == FailureCode.ANSWER_UNREADABLE
        return server.requests[-1]

    assert paged.cursor + b"=round%26round " in run(ask())
