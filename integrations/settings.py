"""Where a provider is reached and with which key, read from `PERMIT_HUB_<NAME>_…`."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

SHORTEST_KEY = 16


class SettingError(Exception):
    """A provider's setting is missing or wrong: the variable and what is wrong with it, never its value."""

    def __init__(self, provider: str, variable: str, problem: str) -> None:
        super().__init__(f"{variable} {problem}")
        self.provider = provider
        self.variable = variable


def _address(value: str) -> str:
    """Accept `http(s)://host[:port][/path]` and nothing that would hide a key or a query in it."""
    problem = "must be http(s)://host[:port][/path]"
    try:
        parts = urlsplit(value)
        _ = parts.port  # parsed, and so checked, only when asked for
    except ValueError:
        raise ValueError(problem) from None
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
        or not value.isascii()
        or any(character.isspace() or not character.isprintable() for character in value)
    ):
        raise ValueError(problem)
    return value.rstrip("/")


def _header_value(value: SecretStr) -> SecretStr:
    """Accept what a header can carry: printable ASCII without a space."""
    key = value.get_secret_value()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("must be printable ASCII without spaces")
    return value


class ProviderSettings(BaseSettings):
    """One provider's access; each is an environment variable, or a file of that name in `/run/secrets`."""

    model_config = SettingsConfigDict(
        secrets_dir="/run/secrets" if Path("/run/secrets").is_dir() else None,
        frozen=True,
        hide_input_in_errors=True,
    )

    url: Annotated[str, AfterValidator(_address)]
    key: Annotated[SecretStr, Field(min_length=SHORTEST_KEY), AfterValidator(_header_value)]


def prefix(provider: str) -> str:
    """Return what the names of a provider's variables begin with."""
    return f"PERMIT_HUB_{provider.upper()}_"


def read(provider: str) -> ProviderSettings:
    """Read one provider's settings.

    Raises:
        SettingError: the first setting that is missing or wrong.
    """
    try:
        return ProviderSettings(_env_prefix=prefix(provider))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    variable = prefix(provider) + str(first["loc"][0]).upper()
    problem = "is missing" if first["type"] == "missing" else f"is wrong: {first['msg'].removeprefix('Value error, ')}"
    raise SettingError(provider, variable, problem)
