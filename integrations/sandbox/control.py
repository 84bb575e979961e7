"""A client for a running sandbox: read its copies and requests, make it misbehave. For demo, tests and measurements."""

import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx

from integrations.sandbox import records
from integrations.sandbox.misbehaviour import Kind
from integrations.sandbox.records import Record

CONTROL_SECONDS = 60.0  # listing a million records takes a while


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of copies held, and of requests received, applied and still to be applied late, since the last reset.

    `foreign` of the copies are under references that cannot be the hub's.
    """

    held: int
    foreign: int
    received: int
    applied: int
    late: int


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a provider; times in milliseconds of the machine's monotonic clock.

    `status` is None if there was no answer, `applied_ms` if the request was not applied (yet). Secrets are shown as
    `[the right key]` and the like, tokens as `[a token]`. `references` are those of the request, as far as they could
    be read.
    """

    sequence: int
    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: str = field(repr=False)
    references: list[str]
    status: int | None
    arrived_ms: float
    applied_ms: float | None

    @property
    def document(self) -> object:
        """Return the parsed body; None if it was empty."""
        return json.loads(self.body) if self.body else None


class Control:
    """The control of the sandbox at an address (`http://127.0.0.1:8700`)."""

    def __init__(self, url: str) -> None:
        """Prepare without connecting."""
        self._http = httpx.Client(base_url=f"{url.rstrip('/')}/_control/", timeout=CONTROL_SECONDS, trust_env=False)

    def held(self, provider: str, reference: UUID | None = None) -> dict[UUID, Record]:
        """Return a provider's copies under the hub's references, or under one of them."""
        found = self._get(f"{provider}/held", {} if reference is None else {"reference": str(reference)})
        return {UUID(own): records.from_json(record) for own, record in found.items()}

    def counts(self, provider: str) -> Counts:
        """Return the counts; quick for any number of copies."""
        return Counts(**self._get(f"{provider}/counts", {}))

    def requests(self, provider: str, reference: UUID | None = None, *, after: int = 0) -> list[Request]:
        """Return the latest requests in order, of one reference or after a sequence number."""
        query = {"after": str(after)} | ({} if reference is None else {"reference": str(reference)})
        return [Request(**entry) for entry in self._get(f"{provider}/requests", query)]

    def hold(self, provider: str, reference: str | UUID, record: Record) -> None:
        """Add a copy that the hub did not put."""
        self._post(f"{provider}/hold", {"reference": str(reference), "record": records.to_json(record)})

    def hold_many(self, provider: str, count: int) -> None:
        """Add the copies `records.numbered` 1 to `count`, for measurements."""
        self._post(f"{provider}/hold", {"count": count})

    def drop(self, provider: str, reference: str | UUID) -> None:
        """Drop the copy under a reference."""
        self._post(f"{provider}/drop", {"reference": str(reference)})

    def misbehave(
        self,
        provider: str,
        kind: Kind,
        *,
        count: int | None = None,
        rate: float | None = None,
        seconds: float | None = None,
        method: str | None = None,
        path: str | None = None,
        delay_ms: float | None = None,
        retry_after: str | None = None,
        at_once: int | None = None,
    ) -> None:
        """Make a provider misbehave: for a number of requests, a part of them or some time, or else until `behave`.

        `method` and `path` (a prefix) limit it to some requests. An expired certificate is shown in a number or a part
        of the handshakes of all providers behind HTTPS.
        """
        order = {
            "kind": kind,
            "count": count,
            "rate": rate,
            "seconds": seconds,
            "method": method,
            "path": path,
            "delay_ms": delay_ms,
            "retry_after": retry_after,
            "at_once": at_once,
        }
        self._post(f"{provider}/misbehave", order)

    def behave(self, provider: str) -> None:
        """End all misbehaviour; late requests are still applied."""
        self._post(f"{provider}/behave", None)

    def reset(self, provider: str | None = None) -> None:
        """Reset one provider, or all."""
        self._post("reset" if provider is None else f"{provider}/reset", None)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _get(self, path: str, query: dict[str, str]) -> Any:
        return self._http.get(path, params=query).raise_for_status().json()

    def _post(self, path: str, order: object) -> None:
        self._http.post(path, json=order).raise_for_status()
