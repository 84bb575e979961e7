"""What a city's operator can say to the services of docker-compose.yml, and which secrets each of these has."""

import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from personal_space.settings import Settings as WebAppSettings

from integrations import registry, settings
from integrations.channels.settings import EmailSettings
from integrations.sandbox.server import find
from ops.embedded.servers import PROVIDERS
from ops.stand_ins import make_all
from tests.stack.composed import PRODUCTION, SANDBOX, Document, ours, queues, secrets
from tests.stack.image import PROJECT
from worker.settings import Settings

HUB = ours(PRODUCTION)
EXAMPLE = (PROJECT / "env.example").read_text()
FILES = {
    "authority",
    "tariffs",
    "redis_authority",
    "addresses",
}  # an operator mounts them
SOURCES, TAKING = "PERMIT_HUB_SOURCES", {"consent", "jobs", "bulk"}  # what web apps may push to
KEYS_OF_SOURCES = {"sources.toml", "personal_space_hub_key", "permit_hub_source_key"}
JOURNAL, JOURNALS = "PERMIT_HUB_JOURNAL", {"consent", "calendar"}  # written by the one, compared by the other
NOT_ASKED = {"development", "redis_prefix"}


def given() -> dict[str, str]:
    """Return what the example of the operator's file says."""
    lines = (line.partition("=") for line in EXAMPLE.splitlines() if line and not line.startswith("#"))
    return {name: shlex.split(value)[0] if value.startswith('"') else value for name, _, value in lines}


def asked(model: Any, prefix: str) -> set[str]:
    """Return the variables of a model of settings that an operator may want to set."""
    return {f"{prefix}{name.upper()}" for name in model.model_fields if name not in FILES | NOT_ASKED}


def test_each_setting_is_passed_on_or_a_secret() -> None:
    secrets = {name.upper() for name in PRODUCTION["secrets"]}
    hub = asked(Settings, "PERMIT_HUB_")
    for name in PROVIDERS:
        hub |= asked(registry.adapter_type(name).settings, f"PERMIT_HUB_{name.upper()}_")
    for name, service in HUB.items():
        if queues(service):
            assert hub - secrets - {JOURNAL, SOURCES} <= set(service["environment"]), name
            assert (SOURCES in service["environment"]) == (not TAKING.isdisjoint(queues(service))), name
            assert (JOURNAL in service["environment"]) == (not JOURNALS.isdisjoint(queues(service))), name
    mail, residents = (set(HUB[name]["environment"]) for name in ("worker-remind", "personal-space"))
    assert asked(EmailSettings, "PERMIT_HUB_EMAIL_") - secrets <= mail
    assert asked(WebAppSettings, "PERSONAL_SPACE_") - secrets <= residents


def test_the_example_of_the_operators_file_names_only_what_is_passed_on() -> None:
    everything = (one.get("environment", {}).items() for one in PRODUCTION["services"].values())
    passed = {name for variables in everything for name, value in variables if value is None}
    assert given().keys() | set(re.findall(r"^# ([A-Z_]+)=", EXAMPLE, re.MULTILINE)) <= passed


def told(service: Document) -> dict[str, str]:
    """Return what Compose tells a service where the operator's file is the example."""
    example, variables = given(), service["environment"].items()
    return {name: value or example[name] for name, value in variables if value is not None or name in example}


def test_with_the_operators_file_as_in_the_example_nothing_is_missing_or_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_all(tmp_path)  # for passwords and a certificate of the right form
    for name in ("worker-bulk", "worker-remind", "personal-space"):
        for variable, secret in secrets(HUB[name]).items():
            file = tmp_path / Path(SANDBOX["secrets"][secret]["file"]).name
            monkeypatch.setenv(variable.upper(), file.read_text())
        for variable, value in told(HUB[name]).items():
            monkeypatch.setenv(variable, value)
    monkeypatch.setenv("PERMIT_HUB_FLOWBIRD_CERTIFICATE", str(tmp_path / "sandbox_client.pem"))
    assert set(Settings().providers) == set(PROVIDERS)
    for name in PROVIDERS:
        access = registry.access(name)
        assert (access.development, urlsplit(access.url).scheme) == (False, "https")
    assert settings.read("email", EmailSettings).sender.name == "City parking"
    assert WebAppSettings().secure


def test_no_secret_is_given_as_a_variable() -> None:
    secret = re.compile(r"SECRET|PASSWORD|KEY$|(DATABASE|REDIS)_URL")
    for name, service in SANDBOX["services"].items():
        found = {variable for variable in service.get("environment", {}) if secret.search(variable)}
        assert all(service["environment"][one].startswith("/run/secrets/") for one in found), name
    assert not any(map(secret.search, given()))


def secrets_of(provider: str) -> set[str]:
    """Return the secrets that a provider's lane needs, as its stand-in names them."""
    stand_in = find()[provider]
    certificates = {f"{provider}_certificate"} if stand_in.tls else set()
    return {f"permit_hub_{provider}_{setting}" for setting in stand_in.secrets} | certificates


def test_a_lane_has_the_access_of_its_own_provider_and_who_serves_all_has_all() -> None:
    access = {name: secrets_of(name) for name in PROVIDERS}
    everything = set().union(*access.values())
    mail = {"permit_hub_email_password"}
    hub = set(secrets(HUB["worker-calendar"]))
    assert not hub & (everything | mail)
    for name, service in HUB.items():
        served = queues(service)
        expected = (
            everything
            if {"bulk", "urgent"} & set(served)
            else set().union(*(access[q[8:]] for q in served if q[8:] in access))
        )
        expected = expected | (mail if "remind" in served else set())
        expected = expected | (set() if TAKING.isdisjoint(served) else KEYS_OF_SOURCES)
        if served:
            assert set(secrets(service)) == hub | expected, name


def test_what_residents_meet_has_no_secret_of_the_hubs() -> None:
    residents = ("personal-space", "stand-ins")
    for name in residents:
        assert all(secret.startswith("personal_space_") for secret in secrets(SANDBOX["services"][name])), name
    files = {Path(SANDBOX["secrets"][secret]["file"]).name for secret in secrets(HUB["personal-space"]).values()}
    assert not [file for file in files if file.startswith("permit_hub_")]
