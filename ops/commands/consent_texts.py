"""`permit-hub consent-texts add | list`: the texts that residents' consent is about."""

from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from ops.commands.operated import operated
from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, reach
from ops.shown.tables import table
from ops.shown.terminal import complain, print_json, results, say
from schemas.base import Line, Paragraphs
from schemas.jobs import ConsentChoice
from worker.db import consent_texts
from worker.db.consent_texts import ConsentText
from worker.db.engine import transact
from worker.db.migrate import connected_owner

app = typer.Typer(
    name="consent-texts", help="The texts that residents are shown before they allow or refuse.", no_args_is_help=True
)


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    version: Annotated[Line, StringConstraints(min_length=1, max_length=40)]
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
    choice: ConsentChoice
    text: Annotated[Paragraphs, StringConstraints(min_length=1, max_length=20_000)]


_TEXTS: TypeAdapter[list[_Text]] = TypeAdapter(list[_Text])


@app.command()
def add(
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(
            metavar="FILE",
            help="A JSON list of objects with version, language, choice and the exact text; - reads standard input.",
        ),
    ],
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """Add texts, byte for byte as web apps show them; those that are known are left as they are.

    From then on residents can allow with these texts. Reads PERMIT_HUB_MIGRATION_DATABASE_URL, as `migrate` does.
    """
    try:
        read = _TEXTS.validate_json(file.read())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        complain(f"Not a list of texts: {'.'.join(map(str, first['loc']))} {first['msg']}")
        raise typer.Exit(2) from None
    texts = [ConsentText(one.version, one.language, one.choice, one.text) for one in read]
    reach(data)
    with asking(), connected_owner() as db:
        new = consent_texts.put(db, texts)
    if as_json:
        print_json({"added": sorted(new), "known": sorted({one.sha256 for one in texts} - new)})
    else:
        say(f"{len(new)} added, {len({one.sha256 for one in texts}) - len(new)} known before.")


@app.command("list")
def list_(data: RunningOn = None, as_json: AsJson = False) -> None:
    """List the texts, with their hashes."""
    reach(data)
    with asking(), operated() as hub:
        found = transact(hub.engine, consent_texts.all_texts)
    if as_json:
        print_json({"texts": [_document(text) | {"added_at": added_at} for text, added_at in found]})
        return
    if not found:
        results().print("There are no texts yet: no allowance is taken.")
        return
    made = table("Texts of consent", "version", "language", "choice", "sha256")
    for text, _ in found:
        made.add_row(text.version, text.language, text.choice.value, text.sha256[:16])
    results().print(made)


def _document(text: ConsentText) -> dict[str, object]:
    return {
        "version": text.version,
        "language": text.language,
        "choice": text.choice,
        "text": text.words,
        "sha256": text.sha256,
    }
