"""Messages to residents as files: `python -m tests.channels.golden_files` writes them again.

They have the text of each notice in each language, and one whole e-mail in each language.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from integrations.channels.message import compose
from integrations.channels.settings import EmailSettings
from integrations.channels.wording import words
from schemas.jobs import Language
from tests.channels.conftest import COMPLETE
from tests.channels.notices import NOTICES

FOLDER = Path(__file__).parent / "golden"
NOW = datetime(2025, 8, 17, 8, 30, tzinfo=UTC)
ACCESS = EmailSettings(**{name.lower(): value for name, value in COMPLETE.items()})  # type: ignore[arg-type]
WHOLE = "expiry_ahead"


def golden_files() -> Iterator[tuple[Path, bytes]]:
    """Yield each file and its current content."""
    for language in Language:
        for name, notice in NOTICES.items():
            written = replace(notice, language=language)
            said = words(written, ACCESS.space_url, f"{ACCESS.unsubscribe_url}{notice.token}")
            yield FOLDER / language / f"{name}.txt", f"{said.subject}\n\n{said.text}".encode()
            if name == WHOLE:
                yield FOLDER / language / f"{name}.eml", compose(written, ACCESS, NOW).content


if __name__ == "__main__":
    for file, content in golden_files():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
