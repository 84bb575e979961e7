"""The one way in which a rule says no."""

from schemas.receipts import RefusalCode


class JobRefusedError(Exception):
    """A job that cannot be applied: a stable code and, where one is at fault, the field; never a value."""

    def __init__(self, code: RefusalCode, field: str | None = None) -> None:
        super().__init__(code.value if field is None else f"{code.value} ({field})")
        self.code = code
        self.field = field
