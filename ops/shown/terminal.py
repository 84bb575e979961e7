"""The two outputs: results on standard output, messages on standard error; and text that cannot steer a terminal."""

import json
import unicodedata
from datetime import datetime

import typer
from rich.console import Console

REPLACED = "\N{REPLACEMENT CHARACTER}"

messages = Console(stderr=True)  # standard output carries results only


def results() -> Console:
    """Return the console for results, which prints a text as it is: plates and subjects may hold any characters."""
    return Console(highlight=False, markup=False, emoji=False)


def print_json(document: object) -> None:
    """Print one JSON object; times as ISO 8601, ids as text."""
    typer.echo(json.dumps(document, default=_written))


def say(words: str, *, style: str | None = None) -> None:
    """Print a message in one paragraph."""
    messages.print(words, style=style, markup=False, highlight=False, soft_wrap=True)


def complain(words: str) -> None:
    """Print what went wrong."""
    say(words, style="red")


def in_one_line(text: str) -> str:
    """Return a text as one line that cannot steer a terminal."""
    return " ".join(in_lines(text).split())


def in_lines(text: str) -> str:
    """Return a text that cannot steer a terminal: it moves no cursor and does not turn the direction of writing."""
    return "".join(map(_harmless, text.replace("\r\n", "\n")))


def _harmless(character: str) -> str:
    spaces = character in "\n\t" or unicodedata.category(character) == "Zs"  # French needs those that do not break
    return character if spaces or character.isprintable() else REPLACED


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
