"""The settings of each provider, read from `PERMIT_HUB_<NAME>_…`."""

import json
import re
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from integrations.base import Limit

PREFIX = "PERMIT_HUB_"
SHORTEST_KEY = 16
LEAST_IN_FLIGHT, MOST_IN_FLIGHT = 2, 512  # one slot is kept for withdrawals
SPANS = {"s": 1.0, "min": 60.0, "h": 3_600.0, "day": 86_400.0}  # seconds
LIMIT = re.compile(rf"([1-9][0-9]{{0,8}})/({'|'.join(SPANS)})", re.ASCII)


class SettingError(Exception):
    """A provider's setting is missing or wrong; the message has the variable and the fault, never the value."""

    def __init__(self, provider: str, variable: str, problem: str) -> None:
        super().__init__(f"{variable} {problem}")
        self.provider = provider
        self.variable = variable


def _address(value: str) -> str:
    """Accept `http(s)://host[:port][/path]`, without credentials or a query."""
    problem = "must be http(s)://host[:port][/path]"
    try:
        parts = urlsplit(value)
        _ = parts.port  # checked only when read
    except ValueError:
        raise ValueError(problem) from None
    host = parts.hostname or ""
    if (
        parts.scheme not in {"http", "https"}
        or not (_is_name(host) or _is_full_address(host))
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
        or not value.isascii()
        or any(character.isspace() or not character.isprintable() for character in value)
    ):
        raise ValueError(problem)
    return value.rstrip("/")


def _is_name(host: str) -> bool:
    return bool(host) and ":" not in host and not host.replace(".", "").isdigit()


def _is_full_address(host: str) -> bool:
    """Return whether a host is a full IP address: not a short form such as 127.1, and without an interface."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _header_value(value: SecretStr) -> SecretStr:
    """Accept a header's value: printable ASCII without a space."""
    key = value.get_secret_value()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("must be printable ASCII without spaces")
    return value


def _limits(value: object) -> object:
    """Read a JSON list such as `["50/s", "2000/min"]`; return other types unchanged."""
    if not isinstance(value, str):
        return value
    problem = f'must be a JSON list such as ["50/s", "2000/min"], each of {", ".join(SPANS)}'
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(problem) from None
    read = [LIMIT.fullmatch(one) if isinstance(one, str) else None for one in found] if isinstance(found, list) else []
    if not read or None in read:
        raise ValueError(problem)
    return tuple(Limit(int(one[1]), SPANS[one[2]]) for one in read if one)


def _in_flight(value: object) -> object:
    """Read a whole number of slots."""
    written = isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,3}", value, re.ASCII)
    number = int(str(value)) if written or isinstance(value, int) else 0
    if not LEAST_IN_FLIGHT <= number <= MOST_IN_FLIGHT:
        raise ValueError(f"must be a whole number from {LEAST_IN_FLIGHT} to {MOST_IN_FLIGHT}")
    return number


def _authority(value: Path) -> Path:
    """Accept a PEM file of certificates."""
    try:
        ssl.create_default_context(cafile=value)
    except OSError:
        raise ValueError("must be a readable PEM file of the authority's certificates") from None
    return value


def _certificate(value: Path) -> Path:
    """Accept a PEM file of a certificate and its key."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(value, password="")  # without one, OpenSSL asks for it
    except OSError:
        raise ValueError("must be a readable PEM file of a certificate and its key, without a password") from None
    return value


Key = Annotated[SecretStr, Field(min_length=SHORTEST_KEY), AfterValidator(_header_value)]
"""A secret that a header can carry."""

ClientId = Annotated[SecretStr, Field(min_length=1), AfterValidator(_header_value)]
"""Our id at a provider; it may be short."""

WebAddress = Annotated[str, AfterValidator(_address)]
"""An http or https URL without a slash at its end."""

Authority = Annotated[Path, AfterValidator(_authority)]
"""A PEM file of the authorities to trust."""

Limits = Annotated[tuple[Limit, ...], NoDecode, BeforeValidator(_limits)]
"""Rate limits, as a JSON list."""

InFlight = Annotated[int, BeforeValidator(_in_flight)]
"""The most requests in flight; at least one slot is kept for withdrawals."""

Certificate = Annotated[Path, AfterValidator(_certificate)]
"""A PEM file of our certificate and its key; it may be replaced at any time."""


class ProviderSettings(BaseSettings):
    """The settings that every provider has; an adapter adds its own. Each is an environment variable, or a file of
    that name in `/run/secrets`.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        secrets_dir="/run/secrets" if Path("/run/secrets").is_dir() else None,
        frozen=True,
        hide_input_in_errors=True,
    )

    development: bool = False  # for all providers alike: PERMIT_HUB_DEVELOPMENT
    url: WebAddress
    limits: Annotated[tuple[Limit, ...] | None, NoDecode, BeforeValidator(_limits)] = None  # None: the contract's
    in_flight: InFlight | None = None  # requests at once, for each drain; None: PERMIT_HUB_IN_FLIGHT
    authority: Authority | None = None  # None: the system's

    @field_validator("url")
    @classmethod
    def _encrypted(cls, value: str, others: ValidationInfo) -> str:
        if not (others.data.get("development") or value.startswith("https://")):
            raise ValueError("must be https outside of development")
        return value


class _Mode(BaseSettings):
    """The settings that hold for all providers."""

    model_config = ProviderSettings.model_config

    development: bool = False


Settings = TypeVar("Settings", bound=BaseSettings)


def prefix(provider: str) -> str:
    """Return the prefix of a provider's variables."""
    return f"{PREFIX}{provider.upper()}_"


def read(provider: str, kind: type[Settings]) -> Settings:
    """Read one provider's settings.

    Raises:
        SettingError: the first setting that is missing or wrong.
    """
    mode = _read(provider, _Mode, PREFIX)
    return _read(provider, kind, prefix(provider), development=mode.development)


def _read(provider: str, kind: type[Settings], begins: str, **given: bool) -> Settings:
    try:
        return kind(_env_prefix=begins, **given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    variable = begins + str(first["loc"][0]).upper()
    problem = "is missing" if first["type"] == "missing" else f"is wrong: {first['msg'].removeprefix('Value error, ')}"
    raise SettingError(provider, variable, problem)
