"""Find personal data, keys and tokens in errors, logs and reprs."""

import re
import traceback
from collections.abc import Iterable

TOKEN = re.compile(
    r"(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*[0-9])[\w-]{32}(?![\w-])"
)  # the form of the sandbox's tokens; no name in code has such a mixture


def says_nothing(secrets: Iterable[str], error: BaseException | None, *texts: str) -> None:
    """Check that no secret is in anything that an error could show, or in other texts such as the log."""
    shown = list(texts)
    if error is not None:
        shown += [*traceback.format_exception(error), repr(error), str(vars(error))]
        assert error.__cause__ is None
        assert error.__suppress_context__ or error.__context__ is None
    for text in shown:
        assert not any(secret in text for secret in secrets)
        assert TOKEN.search(text) is None
