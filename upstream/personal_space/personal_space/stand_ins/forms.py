"""Reading the fields of a form."""

from starlette.datastructures import FormData


def text(form: FormData, name: str) -> str:
    """Return a field's text; empty if the field is missing or a file."""
    value = form.get(name)
    return value if isinstance(value, str) else ""
