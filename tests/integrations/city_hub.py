"""The city's hub in the sandbox: our adapter, its control, and another client of the same operator."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from typing import Any, Self
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx

from integrations.base import Adapter, Change
from integrations.city_hub.adapter import Access, CityHub
from integrations.errors import ProviderError
from integrations.sandbox.control import Control, Request
from integrations.sandbox.records import Record
from schemas.shared import Copy, SharedPermit, Validity
from tests.conftest import Sandbox

NAME = "city_hub"
PARIS = ZoneInfo("Europe/Paris")
DAYS = Validity(date(2024, 3, 31), date(2024, 10, 27))  # the clock changes on both


def permit(**fields: Any) -> SharedPermit:
    """Return a permit with a new reference, with some fields changed."""
    sample = SharedPermit(
        reference=uuid4(), plate="QJ817XK", country=None, zones=("75014_B", "75014_A"), profile=None, validity=DAYS
    )
    return replace(sample, **fields)


def put(wanted: SharedPermit, version: int) -> Change:
    """Return the change that puts a permit."""
    return Change(wanted.reference, version, wanted)


def removal(wanted: SharedPermit, version: int) -> Change:
    """Return the change that removes a permit."""
    return Change(wanted.reference, version, None)


def record(wanted: SharedPermit) -> Record:
    """Return the record that the sandbox is to hold of a permit."""
    assert wanted.plate is not None
    assert wanted.zones is not None
    assert wanted.validity is not None
    return Record(wanted.plate, None, wanted.zones, None, wanted.validity.first_day, wanted.validity.last_day)


def copy(wanted: SharedPermit) -> Copy:
    """Return the copy that is to be listed of a permit."""
    return Copy(wanted.reference, plate=wanted.plate, zones=wanted.zones, validity=wanted.validity)


class Hub:
    """One city hub under test."""

    def __init__(self, sandbox: Sandbox) -> None:
        environment = sandbox.environment
        self.url = environment["PERMIT_HUB_CITY_HUB_URL"]
        self._key = environment["PERMIT_HUB_CITY_HUB_KEY"]
        self._domain = environment["PERMIT_HUB_CITY_HUB_DOMAIN"]
        self.control: Control = sandbox.control
        self._http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"ApiKey {self._key}"}, trust_env=False, timeout=10
        )

    @asynccontextmanager
    async def worker(self, *, path: str = "", domain: str | None = None) -> AsyncIterator[CityHub]:
        """Yield a new adapter, as each worker has its own."""
        access = Access(url=self.url + path, key=self._key, domain=domain or self._domain, development=True)
        adapter = CityHub(access, zone=PARIS, connections=32)
        try:
            yield adapter
        finally:
            await adapter.aclose()

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Send a request as the same operator, without the adapter."""
        return self._http.request(method, path, json=body)

    def document(self, external_id: str, **members: object) -> dict[str, object]:
        """Return a permit in their format."""
        span = {"start_time": "2024-03-30T23:00:00Z", "end_time": "2024-10-27T23:00:00Z"}
        return {
            "domain": self._domain,
            "external_id": external_id,
            "subjects": [{**span, "registration_number": "QJ817XK"}],
            "areas": [{**span, "area": "75014_A"}],
        } | members

    def series(self) -> dict[int, bool]:
        """Return all series, and whether each is active."""
        return {one["id"]: one["active"] for one in self.ask("GET", "/permitseries/").json()["results"]}

    def make_series(self, *permits: dict[str, object], active: bool = True) -> int:
        """Make a series with some permits."""
        number = int(self.ask("POST", "/permitseries/", {}).json()["id"])
        if permits:
            self.ask("POST", "/permit/", [{**one, "series": number} for one in permits]).raise_for_status()
        if active:
            self.ask("POST", f"/permitseries/{number}/activate/", {}).raise_for_status()
        return number

    def activate(self, series: int, **options: object) -> None:
        """Activate a series."""
        self.ask("POST", f"/permitseries/{series}/activate/", options).raise_for_status()

    def held(self) -> dict[UUID, Record]:
        """Return the active permits under our references."""
        return self.control.held(NAME)

    def requests(self, after: int = 0) -> list[tuple[str, str]]:
        """Return the method and path of each request so far."""
        return [(request.method, request.path) for request in self.log(after)]

    def log(self, after: int = 0) -> list[Request]:
        """Return each request so far."""
        return self.control.requests(NAME, after=after)

    def last(self) -> int:
        """Return the number of the latest request."""
        log = self.log()
        return log[-1].sequence if log else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()


async def list_all(adapter: Adapter) -> tuple[list[Copy], int]:
    """Return all listed copies, and the number of foreign ones."""
    assert isinstance(adapter, CityHub)
    page = await adapter.page(None)
    copies, foreign = [*page.copies], page.foreign
    while page.next_page is not None:
        page = await adapter.page(page.next_page)
        copies += page.copies
        foreign += page.foreign
    return copies, foreign


def kinds(ended: Sequence[ProviderError | None]) -> set[tuple[type[ProviderError], str] | None]:
    """Return the types of outcomes; None is success."""
    return {None if error is None else (type(error), error.code) for error in ended}
