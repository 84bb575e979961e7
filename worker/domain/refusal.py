"""The error by which every rule refuses a job."""

from schemas.receipts import RefusalCode


class JobRefusedError(Exception):
    """A job that cannot be applied: a stable code and the field at fault, if there is one; never a value."""

    def __init__(self, code: RefusalCode, field: str | None = None) -> None:
        super().__init__(code.value if field is None else f"{code.value} ({field})")
        self.code = code
        self.field = field
