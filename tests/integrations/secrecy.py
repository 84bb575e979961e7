"""What must not show in errors, logs and reprs: personal data, keys, and tokens of any value."""

import re
import traceback
from collections.abc import Iterable

TOKEN = re.compile(
    r"(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*[0-9])[\w-]{32}(?![\w-])"
)  # as the sandbox grants them: nobody but the adapter is told which, and names in code have no such mixture


def says_nothing(secrets: Iterable[str], error: BaseException | None, *texts: str) -> None:
    """Look for secrets in everything that an error could show, and in other texts such as the log."""
    shown = list(texts)
    if error is not None:
        shown += [*traceback.format_exception(error), repr(error), str(vars(error))]
        assert error.__cause__ is None
        assert error.__suppress_context__ or error.__context__ is None
    for text in shown:
        assert not any(secret in text for secret in secrets)
        assert TOKEN.search(text) is None
