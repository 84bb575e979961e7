"""Split a batch that is refused as a whole, until only the faulty rows are refused."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError

Row = TypeVar("Row")
Outcomes = Sequence[ProviderError | None]
"""The outcome of each row, in order; None: it is done."""

SPLIT_SECONDS = 2.0  # from the first request on; a later part could miss the deadline, and lose known outcomes


async def send_in_parts(
    provider: str, rows: Sequence[Row], send: Callable[[Sequence[Row]], Awaitable[Outcomes]]
) -> Outcomes:
    """Send rows together, and in smaller and smaller parts if they are refused together.

    Parts are sent one after another, in the order of the rows. If one fails in another way, later parts are not sent:
    the provider has a problem of its own.

    Args:
        provider: its name, for errors.
        rows: at least one.
        send: sends rows in one request, and raises RejectedError if they are refused together.

    Raises:
        ProviderError: all of them failed in the same way.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + SPLIT_SECONDS
    ended: list[ProviderError | None] = []
    parts = [rows]  # still to send; the next part is last
    while parts:
        part = parts.pop()
        whole = len(part) == len(rows)
        if not whole and clock() >= until:
            return _with_rest(ended, rows, NotSentError(provider, FailureCode.TIMED_OUT))
        try:
            async with asyncio.timeout_at(None if whole else until):
                ended += await send(part)
        except RejectedError as error:
            if len(part) == 1:
                ended.append(error)
            else:
                half = (len(part) + 1) // 2
                parts += [part[half:], part[:half]]
        except TimeoutError:
            ended += [UnclearError(provider, FailureCode.TIMED_OUT)] * len(part)
            return _with_rest(ended, rows, NotSentError(provider, FailureCode.TIMED_OUT))
        except ProviderError as error:
            if whole:
                raise
            ended += [error] * len(part)
            rest = NotSentError(provider, error.code, status=error.status, retry_after=error.retry_after)
            return _with_rest(ended, rows, rest)
    return ended


def _with_rest(ended: Outcomes, rows: Sequence[Row], error: ProviderError) -> Outcomes:
    return [*ended, *[error] * (len(rows) - len(ended))]
