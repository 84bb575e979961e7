"""Write the JSON Schemas and the AsyncAPI document from the models: `python -m schemas.documents [--check]`."""

import argparse
import json
import sys
from pathlib import Path

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import JsonSchemaMode

from schemas.asyncapi import asyncapi_document
from schemas.catalogue import Catalogue
from schemas.events import Event, ProviderEvent
from schemas.examples import CATALOGUE, EVENT, EXAMPLES, HISTORY, PLATE_READ, PROVIDER_EVENT, RECEIPT, SPACE
from schemas.history import History
from schemas.jobs import KINDS
from schemas.plate_read import PlateRead
from schemas.receipts import Receipt
from schemas.space import Space

DOCS = Path(__file__).parents[1] / "docs"


def documents() -> dict[str, str]:
    """Return every generated document by its path below `docs/`."""
    found: dict[str, JsonValue] = {
        f"schemas/{kind}.json": _json_schema(kind, model, EXAMPLES[kind], "validation") for kind, model in KINDS.items()
    }
    found["schemas/receipt.json"] = _json_schema("receipt", Receipt, RECEIPT, "validation")
    # Events and documents always have all their fields, which "serialization" says; a receipt leaves out what is null.
    found["schemas/event.json"] = _json_schema("event", Event, EVENT, "serialization")
    found["schemas/provider_event.json"] = _json_schema(
        "provider_event", ProviderEvent, PROVIDER_EVENT, "serialization"
    )
    found["schemas/space.json"] = _json_schema("space", Space, SPACE, "serialization")
    found["schemas/history.json"] = _json_schema("history", History, HISTORY, "serialization")
    found["schemas/catalogue.json"] = _json_schema("catalogue", Catalogue, CATALOGUE, "serialization")
    found["schemas/plate_read.json"] = _json_schema("plate_read", PlateRead, PLATE_READ, "serialization")
    found["asyncapi.json"] = asyncapi_document()
    return {
        path: json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for path, document in sorted(found.items())
    }


def stale(docs: Path = DOCS) -> list[str]:
    """Return the paths below `docs/` that are missing, differ from the models or belong to none."""
    wanted = documents()
    present = {f"schemas/{path.name}" for path in (docs / "schemas").glob("*.json")}
    wrong = {path for path, text in wanted.items() if _read(docs / path) != text}
    return sorted(wrong | (present - wanted.keys()))


def write(docs: Path = DOCS) -> None:
    """Write the documents that are not current, and remove those that belong to no model."""
    wanted = documents()
    for path in stale(docs):
        target = docs / path
        if path in wanted:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(wanted[path], encoding="utf-8")
        else:
            target.unlink()


def main(arguments: list[str] | None = None) -> int:
    """Write the documents, or with `--check` list those that are not current and return 1."""
    parser = argparse.ArgumentParser(prog="python -m schemas.documents", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a document is not current")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    wrong = stale()
    for path in wrong:
        print(f"docs/{path} is not current: run `make schemas`", file=sys.stderr)
    return 1 if wrong else 0


def _json_schema(name: str, model: type[BaseModel], example: JsonValue, mode: JsonSchemaMode) -> JsonValue:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:permit-hub:schema:{name}",
        **model.model_json_schema(mode=mode),
        "examples": [example],
    }


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
