"""What becomes of a batch that is refused as a whole: it is split, until only what is at fault is refused."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError

Row = TypeVar("Row")
Outcomes = Sequence[ProviderError | None]
"""How each row ended, in their order; None: it is done."""

SPLIT_SECONDS = 2.0  # from the whole batch on; what ended later could miss the deadline, and with it what is known


async def send_in_parts(
    provider: str, rows: Sequence[Row], send: Callable[[Sequence[Row]], Awaitable[Outcomes]]
) -> Outcomes:
    """Send rows together, and in ever smaller parts where they are refused together.

    Parts go out one after the other, in the order of the rows. When one fails in another way, those after it are not
    sent: the provider has troubles of its own.

    Args:
        provider: its name, for errors.
        rows: at least one.
        send: sends rows in one request; by a RejectedError it says that they were refused together.

    Raises:
        ProviderError: all of them failed in the same way.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + SPLIT_SECONDS
    ended: list[ProviderError | None] = []
    parts = [rows]  # what is left, the first part last
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
