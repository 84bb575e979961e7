"""The texts of consent: what residents are shown, by the SHA-256 of its UTF-8 bytes. Only the owner writes them."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from schemas.jobs import ConsentChoice
from worker.db import tables
from worker.db.arrays import names, recordset

_TEXTS = tables.consent_texts
_WRITTEN = _TEXTS.c["sha256", "version", "language", "choice", "words"]
_PUT = text(f"""
    INSERT INTO consent_texts ({names(_WRITTEN)}) SELECT {names(_WRITTEN)} FROM {recordset("texts", "new", _WRITTEN)}
    ON CONFLICT DO NOTHING RETURNING sha256
""").columns(_TEXTS.c.sha256)
_LIST = text("SELECT * FROM consent_texts ORDER BY recorded_at, version, language, choice").columns(*_TEXTS.c)


@dataclass(frozen=True, slots=True)
class ConsentText:
    """One text, in one language, that a resident agrees with by one choice."""

    version: str
    language: str
    choice: ConsentChoice
    words: str

    @property
    def sha256(self) -> str:
        """Return the hash that decisions name."""
        return hashlib.sha256(self.words.encode()).hexdigest()


def put(db: Connection, texts: Iterable[ConsentText]) -> set[str]:
    """Add texts; return the hashes of those that are new."""
    rows = [
        {
            "sha256": one.sha256,
            "version": one.version,
            "language": one.language,
            "choice": one.choice.value,
            "words": one.words,
        }
        for one in texts
    ]
    return set(db.execute(_PUT, {"texts": json.dumps(rows)}).scalars())


def all_texts(db: Connection) -> list[tuple[ConsentText, datetime]]:
    """Return every text with the moment at which it was added, the oldest first."""
    return [(_text(row), row.recorded_at) for row in db.execute(_LIST)]


def _text(row: Row[*tuple[Any, ...]]) -> ConsentText:
    return ConsentText(row.version, row.language, ConsentChoice(row.choice), row.words)
