"""The settings of the e-mail channel, read from `PERMIT_HUB_EMAIL_…`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode

from integrations.settings import Authority, Limits, ProviderSettings

HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,252})")
MAILBOX = re.compile(r"(?:(?P<name>[^<>]*)<(?P<inside>[^<>]+)>|(?P<bare>[^<>]+))")
LONGEST_LINK = 500  # a header's line takes 998 bytes


class Security(StrEnum):
    """How the connection is encrypted."""

    TLS = "tls"  # from the first byte
    STARTTLS = "starttls"  # required: without it nothing is sent
    NONE = "none"


PORTS: Mapping[Security, int] = MappingProxyType({Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25})


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of e-mail; the address is ASCII, which every server accepts."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """Return the domain of the address."""
        return self.address.rpartition("@")[2]


def _sender(value: object) -> object:
    """Read one mailbox such as `Ville de Démo <rappels@ville.example>`."""
    if not isinstance(value, str):
        return value
    problem = "must be one mailbox such as Name <reminders@city.example>"
    found = MAILBOX.fullmatch(value.strip())
    if found is None or not value.isprintable():
        raise ValueError(problem)
    try:
        address = validate_email((found["inside"] or found["bare"]).strip(), check_deliverability=False).ascii_email
    except EmailNotValidError:
        raise ValueError(problem) from None
    if address is None:
        raise ValueError("must have an address of ASCII characters before the @")
    return Sender((found["name"] or "").strip().strip('"').strip(), address)


def _host(value: str) -> str:
    if not HOST.fullmatch(value):
        raise ValueError("must be the name or the address of a host")
    return value


def _link(value: str) -> str:
    """Accept `http(s)://host…` without credentials, and without characters that need quoting."""
    problem = "must be http(s)://host/…, without a user, a fragment or spaces"
    try:
        parts = urlsplit(value)
        _ = parts.port  # checked only when read
    except ValueError:
        raise ValueError(problem) from None
    usable = value.isascii() and value.isprintable() and not re.search(r"[\s<>\"\\#]", value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or not usable:
        raise ValueError(problem)
    return value


Link = Annotated[str, Field(max_length=LONGEST_LINK), AfterValidator(_link)]


class EmailSettings(BaseSettings):
    """The e-mail channel's settings. Each is an environment variable, or a file of that name in `/run/secrets`."""

    model_config = ProviderSettings.model_config

    development: bool = False  # for all alike: PERMIT_HUB_DEVELOPMENT
    host: Annotated[str, AfterValidator(_host)]
    security: Security = Security.TLS
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None  # None: the default of the security
    user: Annotated[str, Field(min_length=1)] | None = Field(default=None, repr=False)
    password: Annotated[SecretStr, Field(min_length=1)] | None = Field(default=None, validate_default=True)
    authority: Authority | None = None  # None: the system's
    sender: Annotated[Sender, NoDecode, BeforeValidator(_sender)]
    limits: Annotated[Limits | None, NoDecode] = None
    connections: Annotated[int, Field(ge=1, le=100)] = 4
    space_url: Link  # the page that a reminder links to
    unsubscribe_url: Link  # a reminder's token is appended to it

    @field_validator("security")
    @classmethod
    def _encrypted(cls, value: Security, others: ValidationInfo) -> Security:
        if value is Security.NONE and not others.data.get("development"):
            raise ValueError("must be tls or starttls outside of development")
        return value

    @field_validator("password")
    @classmethod
    def _together(cls, value: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if (value is None) != (others.data.get("user") is None):
            raise ValueError("must be given with a user, and a user with it")
        return value

    @field_validator("space_url", "unsubscribe_url")
    @classmethod
    def _secure(cls, value: str, others: ValidationInfo) -> str:
        if not (others.data.get("development") or value.startswith("https://")):
            raise ValueError("must be https outside of development")  # and RFC 8058 needs https for the one-click link
        return value
