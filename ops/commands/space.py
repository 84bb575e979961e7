"""`permit-hub space RESIDENT`: what the resident's own screen shows."""

import json
from typing import Annotated

import typer
from rich.padding import Padding
from rich.text import Text

from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, hub_client, reach
from ops.shown.space import WIDEST, show_cards, show_consent
from ops.shown.terminal import complain, results
from ops.shown.times import day
from schemas.space import Space
from worker.settings import settings


def space(
    resident_id: Annotated[str, typer.Argument(metavar="RESIDENT", help="The resident's id, as upstream gives it.")],
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """Show a resident's personal space as on their screen."""
    reach(data)
    configured = settings()
    with asking(), hub_client(configured) as hub:
        found = hub.space(resident_id)
    if found is None:
        complain("The hub does not know this resident.")
        raise typer.Exit(1)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    shown, console = Space.model_validate(found), results()
    width = min(console.width, WIDEST)
    console.print(Text(f"{shown.resident_id}: as of {day(shown.as_of)}, version {shown.version}", style="dim"))
    for part in (show_cards(shown.cards), show_consent(shown, configured.zone)):
        console.print(Padding(part, (1, 0, 0, 2)), width=width)
