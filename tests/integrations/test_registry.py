"""The registry: complete, lazy, and clear about settings without showing them."""

import subprocess
import sys
from pathlib import Path

import pytest

import integrations
from integrations import registry, settings
from integrations.registry import UnknownProviderError
from integrations.sandbox.server import DIALECTS
from integrations.settings import SettingError
from tests.integrations.subjects import IN_MEMORY, PARIS, SUITE

URL = "PERMIT_HUB_EASYPARK_URL"
KEY = "PERMIT_HUB_EASYPARK_KEY"
GOOD_URL = "https://partner.example/api"
GOOD_KEY = "0123456789abcdef"
FILES = {"__init__.py", "adapter.py", "wire.py", "README.md"}


def test_every_registered_provider_is_in_the_suite_and_in_the_sandbox() -> None:
    folders = {found.parent.name for found in Path(str(integrations.__file__)).parent.glob("*/adapter.py")}

    assert set(SUITE) - {IN_MEMORY} == set(registry.ADAPTERS) == set(DIALECTS) == folders


@pytest.mark.parametrize("name", registry.ADAPTERS)
def test_every_folder_has_the_same_files(name: str) -> None:
    folder = Path(str(integrations.__file__)).parent / name

    assert {found.name for found in folder.iterdir()} >= FILES


@pytest.mark.parametrize("name", registry.ADAPTERS)
def test_every_adapter_bears_its_name_and_declares_what_it_needs(name: str) -> None:
    assert registry.adapter_type(name).name == name
    assert registry.capabilities(name).fields


def test_an_unknown_provider_is_named() -> None:
    with pytest.raises(UnknownProviderError, match="nobody"):
        registry.capabilities("nobody")


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    loaded = _modules_after("from integrations import registry; registry.capabilities('easypark')")

    assert {name for name in registry.ADAPTERS if f"integrations.{name}.adapter" in loaded} == {"easypark"}


def test_the_sandbox_imports_no_adapter_and_nothing_that_adapters_use() -> None:
    loaded = _modules_after("import integrations.sandbox.__main__, integrations.sandbox.control")

    ours = {name for name in loaded if name.startswith(("integrations.", "schemas", "worker"))}
    assert ours == {name for name in ours if name.startswith("integrations.sandbox")}


def test_good_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL, GOOD_URL + "/")
    monkeypatch.setenv(KEY, GOOD_KEY)

    found = settings.read("easypark")

    assert found.url == GOOD_URL
    assert found.key.get_secret_value() == GOOD_KEY
    assert GOOD_KEY not in repr(found)


@pytest.mark.parametrize("missing", [URL, KEY])
def test_a_missing_setting_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL, GOOD_URL)
    monkeypatch.setenv(KEY, GOOD_KEY)
    monkeypatch.delenv(missing)

    with pytest.raises(SettingError, match=f"^{missing} is missing$"):
        registry.adapter("easypark", zone=PARIS, connections=1)


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
        (URL, "https://partner.example/a b"),
        (URL, "https://pártner.example"),
        (KEY, "short-secret"),
        (KEY, "0123456789abcdef\r\nX-Other: secret"),
        (KEY, "0123456789abcdef secret"),
        (KEY, "0123456789abcdéf-secret"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, GOOD_URL)
    monkeypatch.setenv(KEY, GOOD_KEY)
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingError, match=f"^{variable} is wrong: ") as caught:
        settings.read("easypark")

    assert not value or value not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def _modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
