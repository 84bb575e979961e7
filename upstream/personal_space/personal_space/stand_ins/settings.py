"""The stand-ins' settings, read from `PERSONAL_SPACE_…` like the app's own."""

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from personal_space.stand_ins.accounts import SHIPPED

CALLBACK = "/connexion/retour"  # below the app's URL; the only allowed redirect_uri


class Settings(BaseSettings):
    """The stand-ins' settings; each is an environment variable, or a file of that name in `/run/secrets`."""

    model_config = SettingsConfigDict(
        env_prefix="PERSONAL_SPACE_",
        secrets_dir="/run/secrets" if Path("/run/secrets").is_dir() else None,
        frozen=True,
        hide_input_in_errors=True,
    )

    url: str = Field(pattern=r"^https?://[^/]+$")  # the app's
    issuer: str = Field(pattern=r"^https?://[^/]+/monparis$")  # where browsers and the app reach this MonParis
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=16)
    payment_secret: SecretStr = Field(min_length=32)
    accounts: Path = SHIPPED

    @property
    def redirect_uri(self) -> str:
        """Return the only allowed redirect_uri."""
        return self.url + CALLBACK


class SettingsError(SystemExit):
    """Settings are missing or wrong. Uncaught, it prints which, never a value, and exits with 1."""


def read() -> Settings:
    """Read the settings.

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
