"""How commands print what they found: one JSON object, tables that fit 80 columns, times in the city's zone."""

import json
from datetime import datetime, tzinfo

import typer
from rich.table import Table


def print_json(document: object) -> None:
    """Print one JSON object; times as ISO 8601, ids as text."""
    typer.echo(json.dumps(document, default=_written))


def table(title: str, *headings: str, right: frozenset[str] = frozenset()) -> Table:
    """Return an empty table without lines; the named headings are of figures, to the right."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for heading in headings:
        # Folded, not cut: the end of a setting's name is what tells it from others.
        made.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    return made


def to_the_second(moment: datetime, zone: tzinfo) -> str:
    """Return a moment as it is written in the city: 16/09/2024 10:42:03."""
    return f"{moment.astimezone(zone):%d/%m/%Y %H:%M:%S}"


def to_the_minute(moment: datetime, zone: tzinfo) -> str:
    """Return a moment as it is written in the city: 16/09/2024 10:42."""
    return f"{moment.astimezone(zone):%d/%m/%Y %H:%M}"


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
