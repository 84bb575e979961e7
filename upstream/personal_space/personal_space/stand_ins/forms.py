"""Reading what a form sends."""

from starlette.datastructures import FormData


def text(form: FormData, name: str) -> str:
    """Return a field's text; a field that is missing, or is a file, is empty."""
    value = form.get(name)
    return value if isinstance(value, str) else ""
