"""What a task accepts: arguments by position, each of a declared type, range or set, and the queues it may come on."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from inspect import Parameter, signature
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from celery import current_app
from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter

from integrations.channels.registry import CHANNELS
from schemas.receipts import RefusalCode
from worker.settings import settings
from worker.tasks.broker.wire import NEUTRAL_HEADERS

# Every field that the gate can name in a refusal.
PARTS = frozenset(
    {
        *("envelope", "headers", "properties", "body", "content-type", "content-encoding", "queue"),
        *("args", "kwargs", "embed", *(f"args.{index}" for index in range(10))),
        *("properties.delivery_info", "properties.delivery_tag", "properties.body_encoding"),
        *("headers.id", "headers.task", "headers.timelimit", "headers.expires", "headers.lost_children"),
        *(f"headers.{name}" for name in NEUTRAL_HEADERS),
    }
)
ELSEWHERE = frozenset({"broadcast", "taken"})  # where refused messages are found, beside the queues

_SCALARS = frozenset({str, int, float, bool, NoneType})


@dataclass(frozen=True, slots=True)
class Accepts:
    """The arguments that a task takes, by position: the exact types of each, and its further checks."""

    types: tuple[frozenset[type], ...]
    checks: tuple[TypeAdapter[Any], ...]
    required: int
    queues: Collection[str]


def accepts(run: Callable[..., object], queues: Collection[str]) -> Accepts:
    """Read from a task's annotations what its messages may carry: scalars by position.

    Raises:
        TypeError: a parameter is something else.
    """
    plain, annotated = get_type_hints(run), get_type_hints(run, include_extras=True)
    types, checks, required = [], [], 0
    for name, parameter in signature(run).parameters.items():
        hint = plain.get(name)
        allowed = frozenset(get_args(hint) if get_origin(hint) in (Union, UnionType) else {hint})
        if parameter.kind is not Parameter.POSITIONAL_OR_KEYWORD or not allowed <= _SCALARS:
            raise TypeError(f"{run.__qualname__}: {name} must be an annotated scalar, given by position")
        types.append(allowed)
        checks.append(TypeAdapter(annotated[name]))
        required += parameter.default is Parameter.empty
    return Accepts(tuple(types), tuple(checks), required, queues)


def _one_of(known: Callable[[], Collection[str]]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in known():
            raise ValueError("not known")
        return value

    return AfterValidator(check)


Signature = Annotated[str, StringConstraints(max_length=200)]
Provider = Annotated[str, _one_of(lambda: settings().providers)]
Channel = Annotated[str, _one_of(lambda: CHANNELS)]

# The arguments of `hub.record_refusal`: the hub's own words, never the sender's.
Code = Annotated[str, _one_of(lambda: tuple(RefusalCode))]
Part = Annotated[str, _one_of(lambda: PARTS)]
QueueName = Annotated[str, _one_of(lambda: current_app.amqp.queues.keys() | ELSEWHERE)]
TaskId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Kind = Annotated[str, _one_of(lambda: current_app.tasks)]
Size = Annotated[int, Field(ge=0, lt=2**31)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
