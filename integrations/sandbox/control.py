"""Ask a running sandbox what it holds and was sent, and tell it to misbehave; for the demo, tests and measurements."""

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
    """How much a provider holds, has received and has applied since the last reset, and is still to apply late.

    `foreign` of the held are under references that cannot be the hub's.
    """

    held: int
    foreign: int
    received: int
    applied: int
    late: int


@dataclass(frozen=True, slots=True)
class Request:
    """One request that a provider was sent; times in milliseconds of the machine's monotonic clock.

    `status` is None when no answer went out, `applied_ms` when it was not applied (yet). Secrets are shown as
    `[the right key]` and the like, tokens as `[a token]`. `references` are those that it is about, as far as it was
    understood.
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
        """Return the parsed body; None when it was empty."""
        return json.loads(self.body) if self.body else None


class Control:
    """A sandbox's control, given its address (`http://127.0.0.1:8700`)."""

    def __init__(self, url: str) -> None:
        """Prepare without connecting."""
        self._http = httpx.Client(base_url=f"{url.rstrip('/')}/_control/", timeout=CONTROL_SECONDS, trust_env=False)

    def held(self, provider: str, reference: UUID | None = None) -> dict[UUID, Record]:
        """Return what a provider holds under the hub's references, or under one of them."""
        found = self._get(f"{provider}/held", {} if reference is None else {"reference": str(reference)})
        return {UUID(own): records.from_json(record) for own, record in found.items()}

    def counts(self, provider: str) -> Counts:
        """Return how much it is; quick whatever is held."""
        return Counts(**self._get(f"{provider}/counts", {}))

    def requests(self, provider: str, reference: UUID | None = None, *, after: int = 0) -> list[Request]:
        """Return the latest requests in the order they came, of one reference or after a sequence number."""
        query = {"after": str(after)} | ({} if reference is None else {"reference": str(reference)})
        return [Request(**entry) for entry in self._get(f"{provider}/requests", query)]

    def hold(self, provider: str, reference: str | UUID, record: Record) -> None:
        """Make a provider hold what the hub never put there."""
        self._post(f"{provider}/hold", {"reference": str(reference), "record": records.to_json(record)})

    def hold_many(self, provider: str, count: int) -> None:
        """Make a provider hold `records.numbered` 1 to `count`, for measurements."""
        self._post(f"{provider}/hold", {"count": count})

    def drop(self, provider: str, reference: str | UUID) -> None:
        """Make a provider lose what it holds under a reference."""
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
        """Make a provider go wrong: for a number of requests, a part of them or some time, else until `behave`.

        `method` and `path`, the beginning of one, say which requests may suffer. An expired certificate is shown to a
        number or a part of the handshakes, whichever provider of those behind HTTPS they are for.
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
        """Make a provider work again; what it was to apply late, it still does."""
        self._post(f"{provider}/behave", None)

    def reset(self, provider: str | None = None) -> None:
        """Make one provider, or all, forget everything."""
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
