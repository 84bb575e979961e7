"""The registry is complete and lazy, and each provider's folder has the same files."""

import subprocess
import sys
from pathlib import Path

import pytest

import integrations
from integrations import registry
from integrations.registry import UnknownProviderError
from integrations.settings import ProviderSettings, SettingError

FOLDER = Path(str(integrations.__file__)).parent
FILES = {"__init__.py", "adapter.py", "wire.py", "contract.yaml", "README.md"}


def test_every_folder_is_registered() -> None:
    assert set(registry.ADAPTERS) == {found.parent.name for found in FOLDER.glob("*/adapter.py")}


@pytest.mark.parametrize("name", registry.ADAPTERS)
def test_every_folder_has_the_same_files(name: str) -> None:
    assert {found.name for found in (FOLDER / name).iterdir()} >= FILES


@pytest.mark.parametrize("name", registry.ADAPTERS)
def test_every_adapter_has_its_registered_name_and_declares_its_fields(name: str) -> None:
    found = registry.adapter_type(name)

    assert found.name == name
    assert found.capabilities.fields
    assert issubclass(found.settings, ProviderSettings)


@pytest.mark.parametrize("name", registry.ADAPTERS)
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(SettingError, match=f"^PERMIT_HUB_{name.upper()}_URL is missing$"):
        registry.access(name)


def test_an_unknown_provider_is_named() -> None:
    for ask in (registry.capabilities, registry.access):
        with pytest.raises(UnknownProviderError, match="unknown"):
            ask("unknown")


def test_no_adapter_is_imported_before_its_use() -> None:
    loaded = _modules_after("from integrations import registry; registry.capabilities('easypark')")

    assert {name for name in registry.ADAPTERS if f"integrations.{name}.adapter" in loaded} == {"easypark"}


def test_the_sandbox_imports_no_adapter_and_none_of_their_modules() -> None:
    loaded = _modules_after("import integrations.sandbox.__main__, integrations.sandbox.control")

    ours = {name for name in loaded if name.startswith(("integrations.", "schemas", "worker"))}
    shared = {"integrations.private_files"}  # files and secrets, nothing of a provider
    assert ours - shared == {name for name in ours if name.startswith("integrations.sandbox")}


def _modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
