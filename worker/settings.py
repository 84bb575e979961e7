"""The settings of one installation, read from `PERMIT_HUB_…`."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, FilePath, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from integrations.registry import ADAPTERS
from integrations.settings import LEAST_IN_FLIGHT, MOST_IN_FLIGHT

DEFAULT_TARIFFS = Path(__file__).parent / "domain" / "tariffs.toml"
MOST_DAYS = 366
REST = 4  # requests that are not urgent get at least a quarter of a lane's slots
LONGEST_REQUEST = 3.5  # seconds: a task has 8; a drain claims for 3.5, and the last second is for recording
REDIS_FORM = "redis://[[user]:password@]host[:port][/number], or rediss:// for TLS"
NO_ZONE = "not a time zone of the IANA database"


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except Exception:
        raise ValueError(NO_ZONE) from None
    return value


TimeZone = Annotated[str, AfterValidator(_known_zone)]


def _redis_server(value: str) -> str:
    try:
        parts = urlsplit(value)
        whole = parts.scheme in {"redis", "rediss"} and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole or not re.fullmatch(r"/?[0-9]*", parts.path):
        raise ValueError(f"not {REDIS_FORM}")
    if "?" in value or "#" in value:
        raise ValueError(f"only {REDIS_FORM}: it takes no parameters, and ? and # in a password are %3F and %23")
    return value


RedisUrl = Annotated[str, AfterValidator(_redis_server)]


class Settings(BaseSettings):
    """The hub's settings; each is an environment variable, or a file of that name in `/run/secrets`."""

    model_config = SettingsConfigDict(
        env_prefix="PERMIT_HUB_",
        secrets_dir="/run/secrets" if Path("/run/secrets").is_dir() else None,
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: str = Field(pattern=r"^postgresql\+psycopg://")
    redis_url: RedisUrl
    redis_authority: FilePath | None = None  # for rediss://, beside the system's authorities
    redis_prefix: str = Field(default="permit-hub:", pattern=r"^[a-z0-9:_-]{1,40}$")
    # Keys every hash of personal data. While `permit-hub keys rotate` goes from one key to the next: both, with a space
    # or a line's end between them.
    hash_key: SecretStr = Field(min_length=32)
    time_zone: TimeZone = "Europe/Paris"
    tariffs: Path = DEFAULT_TARIFFS
    sources: Path | None = None  # who may send which jobs, and their keys; without it jobs are not signed
    source_key: SecretStr | None = None  # signs the jobs that an operator sends
    journal: Path | None = None  # a folder for residents' decisions, outside of the database
    providers: Annotated[tuple[str, ...], NoDecode] = tuple(ADAPTERS)  # a JSON list; leave out one without a contract
    reminder_days: Annotated[tuple[int, ...], NoDecode] = (60, 30, 7, 0, -1)  # ahead of a term's last day; -1: after it
    payment_reminder_days: Annotated[tuple[int, ...], NoDecode] = (5,)  # ahead of the last day to pay
    # How long closed records are kept; the last day has the same date so many months later.
    permits_kept_months: int = Field(default=12, ge=1, le=120)  # and replaced plates
    jobs_kept_months: int = Field(default=13, ge=1, le=120)  # and refused messages, and reminders
    disclosures_kept_months: int = Field(default=36, ge=12, le=120)
    # How many unknown copies in a list count as the hub's own, beside a tenth of the copies expected. After a restore
    # from a backup there may be more: then an operator raises it for a while.
    orphan_margin: int = Field(default=100, ge=0)
    settle_seconds: float = Field(default=60.0, gt=0)  # T: for a stalled sender and a slow provider together
    request_seconds: float = Field(default=3.0, gt=0, le=LONGEST_REQUEST)  # its deadline, from before its claim
    in_flight: int = Field(default=64, ge=LEAST_IN_FLIGHT, le=MOST_IN_FLIGHT)  # requests at once, for each drain
    urgent_slots: int = Field(default=1, ge=1)  # of `in_flight`, kept for urgency 0
    log_format: str = Field(default="console", pattern=r"^(console|json)$")
    log_level: str = Field(default="INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")

    @field_validator("hash_key")
    @classmethod
    def _one_or_two(cls, value: SecretStr) -> SecretStr:
        keys = value.get_secret_value().split()
        if not 1 <= len(set(keys)) == len(keys) <= 2 or any(len(key) < 32 for key in keys):
            raise ValueError("one key, or two different ones, each of 32 characters or more without a space")
        return value

    @field_validator("providers", "reminder_days", "payment_reminder_days", mode="before")
    @classmethod
    def _json_list(cls, value: object) -> object:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError:
            raise ValueError("not a JSON list") from None

    @field_validator("providers")
    @classmethod
    def _registered(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not ADAPTERS.keys() >= set(value) or len(set(value)) < len(value):
            raise ValueError(f"only {json.dumps(list(ADAPTERS))} can be named, each once")
        return value

    @field_validator("reminder_days", "payment_reminder_days")
    @classmethod
    def _days(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(abs(days) > MOST_DAYS for days in value) or len(set(value)) < len(value):
            raise ValueError(f"only whole days from -{MOST_DAYS} to {MOST_DAYS} can be named, each once")
        return value

    @field_validator("payment_reminder_days")
    @classmethod
    def _before(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(days < 0 for days in value):
            raise ValueError("a payment reminder cannot come after the last day to pay")
        return value

    @field_validator("urgent_slots")
    @classmethod
    def _leave_a_quarter(cls, value: int, info: ValidationInfo) -> int:
        """Refuse to keep so many slots that other requests would never be sent."""
        in_flight = info.data.get("in_flight")  # missing if it is wrong itself
        if in_flight is not None and in_flight - value < max(1, in_flight // REST):
            raise ValueError(f"leaves less than a quarter of {in_flight} requests at once to others")
        return value

    @field_validator("redis_authority")
    @classmethod
    def _of_use(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and not info.data.get("redis_url", "rediss://").startswith("rediss://"):
            raise ValueError("without TLS there is no certificate to check: PERMIT_HUB_REDIS_URL begins with redis://")
        return value

    @property
    def redis_address(self) -> str:
        """Return Redis' URL with how its certificate is checked, as redis-py, kombu and Celery read it."""
        if not self.redis_url.startswith("rediss://"):
            return self.redis_url
        checked = {"ssl_cert_reqs": "required"}
        if self.redis_authority is not None:
            checked["ssl_ca_certs"] = str(self.redis_authority)
        return f"{self.redis_url}?{urlencode(checked, quote_via=quote)}"

    def slots_kept(self, in_flight: int) -> int:
        """Return how many of a lane's slots are kept for urgency 0; at least one is left for others."""
        return min(self.urgent_slots, in_flight - max(1, in_flight // REST))

    @property
    def zone(self) -> ZoneInfo:
        """Return the city's time zone, in which civil days are counted."""
        return ZoneInfo(self.time_zone)


class SettingsError(SystemExit):
    """Settings are missing or wrong. Uncaught, it prints which, never a value, and exits with 1."""


@cache
def settings() -> Settings:
    """Read the settings once a process.

    Raises:
        SettingsError: a setting is missing or wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        raise SettingsError("\n".join(f"{_variable(fault)} is {_problem(fault)}" for fault in errors)) from None


def _variable(error: ErrorDetails) -> str:
    return f"PERMIT_HUB_{str(error['loc'][0]).upper()}"


def _problem(error: ErrorDetails) -> str:
    return "missing" if error["type"] == "missing" else f"wrong: {error['msg'].removeprefix('Value error, ')}"
