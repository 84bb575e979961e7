"""A provider's settings are read, or named as wrong without their values."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import ValidationError

from integrations import settings
from integrations.base import Limit
from integrations.settings import Certificate, ClientId, Key, ProviderSettings, SettingError

NAME = "anybody"
DEVELOPMENT = "PERMIT_HUB_DEVELOPMENT"
URL, KEY, ID, LIMITS, IN_FLIGHT, AUTHORITY, CERTIFICATE = (
    f"PERMIT_HUB_ANYBODY_{field}" for field in ("URL", "KEY", "ID", "LIMITS", "IN_FLIGHT", "AUTHORITY", "CERTIFICATE")
)
GOOD = {URL: "https://partner.example/api", KEY: "0123456789abcdef", ID: "hub"}


class Access(ProviderSettings):
    """The settings of a provider that needs all kinds of access."""

    key: Key
    id: ClientId
    certificate: Certificate | None = None


class Read:
    """Read the settings only from these variables."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def __call__(self, variables: Mapping[str, str]) -> Access:
        for name, value in variables.items():
            self._patch.setenv(name, value)
        return settings.read(NAME, Access)

    def problem(self, variables: Mapping[str, str]) -> SettingError:
        with pytest.raises(SettingError) as caught:
            self(variables)
        return caught.value


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    return Read(monkeypatch)


def test_good_settings_are_read_and_secrets_are_not_shown(read: Read) -> None:
    found = read({**GOOD, URL: GOOD[URL] + "/"})

    assert (found.url, found.key.get_secret_value(), found.id.get_secret_value()) == (GOOD[URL], GOOD[KEY], GOOD[ID])
    assert (found.development, found.limits, found.authority) == (False, None, None)
    assert GOOD[KEY] not in repr(found)


@pytest.mark.parametrize("missing", [URL, KEY, ID])
def test_a_missing_setting_is_named(missing: str, read: Read) -> None:
    found = read.problem({name: value for name, value in GOOD.items() if name != missing})

    assert str(found) == f"{missing} is missing"
    assert (found.provider, found.variable) == (NAME, missing)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (URL, ""),
        (URL, "partner.example"),
        (URL, "ftp://partner.example"),
        (URL, "https://"),
        (URL, "https://user:secret@partner.example"),
        (URL, "https://partner.example/?key=secret"),
        (URL, "https://partner.example/#secret"),
        (URL, "https://partner.example:99999"),
        (URL, "https://[partner.example"),
        (URL, "https://[fe80::1%25eth0]"),
        (URL, "https://partner.example/a b"),
        (URL, "https://pártner.example"),
        (URL, "https://127.1"),
        (URL, "https://2130706433"),
        (URL, "https://0177.0.0.1"),
        (URL, "http://partner.example"),
        (KEY, "short-secret"),
        (KEY, "0123456789abcdef\r\nX-Other: secret"),
        (KEY, "0123456789abcdef secret"),
        (KEY, "0123456789abcdéf-secret"),
        (ID, ""),
        (ID, "permit hub"),
        (DEVELOPMENT, "perhaps"),
        (LIMITS, ""),
        (LIMITS, "50/s"),
        (LIMITS, "[]"),
        (LIMITS, '"50/s"'),
        (LIMITS, "[50]"),
        (LIMITS, "[[]]"),
        (LIMITS, "[" * 100_000),
        (LIMITS, '["50/s", null]'),
        (LIMITS, '["50"]'),
        (LIMITS, '["0/s"]'),
        (LIMITS, '["-1/s"]'),
        (LIMITS, '["1.5/s"]'),
        (LIMITS, '["50/fortnight"]'),
        (LIMITS, '["50 / s"]'),
        (LIMITS, '["٥/s"]'),
        *((IN_FLIGHT, value) for value in ("", "0", "1", "513", "-3", "1.5", "2e1", " 8", "٥", "true", "9" * 5_000)),
        (AUTHORITY, "/nowhere/secret.pem"),
        (AUTHORITY, __file__),
        (AUTHORITY, ""),
        (CERTIFICATE, "/nowhere/secret.pem"),
        (CERTIFICATE, __file__),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(variable: str, value: str, read: Read) -> None:
    found = read.problem({**GOOD, variable: value})

    assert str(found).startswith(f"{variable} is wrong: ")
    assert "secret" not in str(found)
    assert len(value) < 10 or value not in str(found)
    assert found.__cause__ is None
    assert found.__context__ is None


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/api", "https://[::1]:8443", "https://10.0.0.1", "http://localhost"]
)
def test_in_development_a_provider_may_be_local_and_plain_http(url: str, read: Read) -> None:
    assert read({**GOOD, DEVELOPMENT: "true", URL: url}).url == url


def test_development_is_a_setting_of_the_hub_and_not_of_a_provider(read: Read) -> None:
    assert not read({**GOOD, "PERMIT_HUB_ANYBODY_DEVELOPMENT": "true", "DEVELOPMENT": "true"}).development


def test_limits_are_read(read: Read) -> None:
    found = read({**GOOD, LIMITS: json.dumps(["50/s", "2000/min", "10000/h", "100000/day"])})

    assert found.limits == (Limit(50, 1.0), Limit(2000, 60.0), Limit(10_000, 3600.0), Limit(100_000, 86_400.0))


def test_wrong_settings_made_in_code_show_no_value() -> None:
    with pytest.raises(ValidationError) as caught:
        ProviderSettings(url="https://user:secret@partner.example")

    assert "secret" not in str(caught.value)


def test_an_authority_and_a_certificate_are_files(read: Read, tmp_path: Path) -> None:
    authority, certificate = tmp_path / "authority.pem", tmp_path / "certificate.pem"
    made = trustme.CA()
    made.cert_pem.write_to_path(authority)
    made.issue_cert("hub.example").private_key_and_cert_chain_pem.write_to_path(certificate)

    found = read({**GOOD, AUTHORITY: str(authority), CERTIFICATE: str(certificate)})

    assert (found.authority, found.certificate) == (authority, certificate)


def test_a_certificate_without_its_own_key_is_wrong(read: Read, tmp_path: Path) -> None:
    made, path = trustme.CA(), tmp_path / "certificate.pem"
    mine, another = made.issue_cert("hub.example"), made.issue_cert("hub.example")
    chain = mine.cert_chain_pems[0].bytes()

    for content in (chain, chain + another.private_key_pem.bytes()):
        path.write_bytes(content)
        assert read.problem({**GOOD, CERTIFICATE: str(path)}).variable == CERTIFICATE


def test_a_key_with_a_password_is_wrong_without_a_prompt(read: Read, tmp_path: Path) -> None:
    made, path = trustme.CA().issue_cert("hub.example"), tmp_path / "certificate.pem"
    key = load_pem_private_key(made.private_key_pem.bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    path.write_bytes(made.cert_chain_pems[0].bytes() + locked)

    assert read.problem({**GOOD, CERTIFICATE: str(path)}).variable == CERTIFICATE


@pytest.mark.parametrize("slots", [2, 6, 512])
def test_in_flight_is_read(slots: int, read: Read) -> None:
    assert read({**GOOD, IN_FLIGHT: str(slots)}).in_flight == slots


def test_a_wrong_in_flight_is_refused_with_its_bounds(read: Read) -> None:
    assert str(read.problem({**GOOD, IN_FLIGHT: "1"})) == f"{IN_FLIGHT} is wrong: must be a whole number from 2 to 512"
