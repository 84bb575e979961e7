"""Files of jobs in UTF-8: one job, a list of jobs, or one job on each line."""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_OTHER_ENCODINGS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class UnreadableError(Exception):
    """A part of a file is no job; the message says where and why, without its content."""


@dataclass(frozen=True, slots=True)
class JobRead:
    """A job of a file with its place there: `job 2` of a list, or `line 2`."""

    place: str
    fields: dict[str, Any]


def read_jobs(content: bytes) -> list[JobRead | UnreadableError]:
    """Return the jobs of a file in their order, with an error in place of each part that is no job.

    Raises:
        UnreadableError: the file as a whole cannot be read, or is empty.
    """
    if content.startswith(_OTHER_ENCODINGS):
        raise UnreadableError("it is UTF-16 or UTF-32: save it as UTF-8")
    content = content.removeprefix(codecs.BOM_UTF8)
    if not content.strip():
        raise UnreadableError("it holds no job")
    if content.lstrip().startswith(b"["):
        return [_job(f"job {number}", one) for number, one in enumerate(_list(content), 1)]
    try:
        return [_job("job 1", _parsed(content))]
    except ValueError:
        return list(_lines(content))


def _lines(content: bytes) -> Iterator[JobRead | UnreadableError]:
    """Read line by line. Only a line feed ends a line: a string of JSON may hold the other line ends."""
    for number, marked in enumerate(content.split(b"\n"), 1):
        if (line := marked.removeprefix(codecs.BOM_UTF8)).strip():  # joined files have several byte order marks
            place = f"line {number}"
            try:
                yield _job(place, _parsed(line))
            except ValueError as error:
                yield UnreadableError(f"{place} {_reason(error)}")


def _list(content: bytes) -> list[object]:
    try:
        parsed = _parsed(content)
    except json.JSONDecodeError as error:  # reading its lines one by one could send a part of the list
        raise UnreadableError(f"the list is not JSON at line {error.lineno}") from None
    except ValueError as error:
        raise UnreadableError(f"the list {_reason(error)}") from None
    assert isinstance(parsed, list)
    if not parsed:
        raise UnreadableError("it holds no job")
    return parsed


def _parsed(text: bytes) -> object:
    try:
        parsed: object = json.loads(text.decode("utf-8"))
    except RecursionError:
        raise _TooDeepError from None
    return parsed


class _TooDeepError(ValueError):
    pass


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8"
    return "is nested too deep" if isinstance(error, _TooDeepError) else "is not JSON"


def _job(place: str, parsed: object) -> JobRead | UnreadableError:
    if not isinstance(parsed, dict) or not isinstance(parsed.get("kind"), str):
        return UnreadableError(f"{place} is not an object with a kind")
    return JobRead(place, parsed)
