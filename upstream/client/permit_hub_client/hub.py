"""The hub's calls for code that blocks; `Hub.aio` has the same for coroutines."""

from collections.abc import Callable, Coroutine
from functools import update_wrapper
from os import PathLike
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from permit_hub_client.blocking import BlockingWire, run
from permit_hub_client.calls import Calls
from permit_hub_client.job import Job
from permit_hub_client.looping import LoopingWire
from permit_hub_client.server import Server
from permit_hub_client.watch import Watch

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    call: Callable[Concatenate[Calls, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["Hub", P], T]:
    def blocking(hub: "Hub", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run(call(hub._calls, *args, **kwargs))  # noqa: SLF001 - these are the methods of `Hub`

    update_wrapper(blocking, call)
    return blocking


class Hub:
    """A permit hub, as a web app uses it.

    Its calls block. In a coroutine, await the same calls of `aio`. One `Hub` is enough for a process: threads share it,
    it survives a fork, and it connects when first used.

    `source` names your app in the hub's records; `prefix` is the hub's `PERMIT_HUB_REDIS_PREFIX`. `io_seconds` bounds
    one exchange with Redis. If Redis is unavailable, a call fails within about five times `io_seconds`: it connects and
    tries twice.

    `key` is the key by which the hub knows your app, as its operator gave it: each job is signed with it. Without one,
    jobs are not signed; a hub that knows its apps refuses them.

    `redis_url` is redis://, or rediss:// for TLS: the server's certificate and name are then checked against the
    system's authorities and those of the file `authority`.
    """

    aio: Calls

    def __init__(
        self,
        redis_url: str,
        *,
        source: str,
        key: str | None = None,
        prefix: str = "permit-hub:",
        io_seconds: float = 2.0,
        authority: str | PathLike[str] | None = None,
    ) -> None:
        """Prepare without connecting.

        Raises:
            ValueError: the URL is not a Redis URL, or `authority` is given without TLS.
        """
        server = Server.at(redis_url, authority)
        self._calls = Calls(BlockingWire(server, io_seconds), source, prefix, key)
        self.aio = Calls(LoopingWire(server, io_seconds), source, prefix, key)

    submit = _blocking(Calls.submit)
    send = _blocking(Calls.send)
    receipt = _blocking(Calls.receipt)
    space = _blocking(Calls.space)
    history = _blocking(Calls.history)
    catalogue = _blocking(Calls.catalogue)
    plate = _blocking(Calls.plate)
    export = _blocking(Calls.export)

    def job(self, /, kind: str, **fields: object) -> Job:
        """Return a job without sending it; see `Calls.job`."""
        return self._calls.job(kind, **fields)

    def watch(self, resident_id: str) -> Watch:
        """Return a resident's live events, to be used in a `with` statement."""
        return Watch(self._calls.watch(resident_id))

    def close(self) -> None:
        """Close the connections; the hub can still be used and opens new ones."""
        run(self._calls.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
