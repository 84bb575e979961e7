"""The app's settings, read from `PERSONAL_SPACE_…`."""

from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from permit_hub_client import Hub
from pydantic import Field, FilePath, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SAMPLE_ADDRESSES = Path(__file__).parent / "addresses.toml"


class Settings(BaseSettings):
    """The app's settings; each is an environment variable, or a file of that name in `/run/secrets`."""

    model_config = SettingsConfigDict(
        env_prefix="PERSONAL_SPACE_",
        secrets_dir="/run/secrets" if Path("/run/secrets").is_dir() else None,
        frozen=True,
        hide_input_in_errors=True,
    )

    url: str = Field(pattern=r"^https?://[^/]+$")  # where residents' browsers find the app
    redis_url: SecretStr  # the hub's
    redis_authority: FilePath | None = None  # of a rediss://, beside the system's
    redis_prefix: str = "permit-hub:"
    hub_key: SecretStr | None = None  # signs what the app sends to the hub, which may know it by this key
    secret: SecretStr = Field(min_length=32)  # signs sessions: a new one signs all residents out
    issuer: str = Field(pattern=r"^https?://.*[^/]$")  # MonParis, or any other OpenID provider
    client_id: str
    client_secret: SecretStr
    scope: str = "openid profile email parking"
    resident_claim: str = "sub"
    payment_url: str = Field(pattern=r"^https?://")
    payment_secret: SecretStr = Field(min_length=32)  # shared with the payment service
    addresses: Path = SAMPLE_ADDRESSES
    time_zone: str = "Europe/Paris"

    @field_validator("redis_url")
    @classmethod
    def _valid_url(cls, value: SecretStr) -> SecretStr:
        Hub(value.get_secret_value(), source="settings")  # checks the URL; does not connect
        return value

    @field_validator("redis_authority")
    @classmethod
    def _valid_authority(cls, value: Path | None, others: ValidationInfo) -> Path | None:
        if value is not None and "redis_url" in others.data:  # it is missing if it is invalid
            Hub(others.data["redis_url"].get_secret_value(), source="settings", authority=value)
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception:
            raise ValueError("not a time zone of the IANA database") from None
        return value

    @property
    def zone(self) -> ZoneInfo:
        """Return the city's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def secure(self) -> bool:
        """Return whether residents reach the app by HTTPS."""
        return self.url.startswith("https://")


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
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        lines = (
            f"PERSONAL_SPACE_{str(fault['loc'][0]).upper()} is wrong or missing: {fault['msg']}" for fault in faults
        )
        raise SettingsError("\n".join(lines)) from None
