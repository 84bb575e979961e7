"""Only a provider's own modules import from its folder.

import-linter needs names; here the folders are found, so that a new provider needs no line elsewhere.
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import integrations
from integrations import registry

PACKAGE = "integrations"
FOLDER = Path(str(integrations.__file__)).parent
PROVIDERS = sorted(found.parent.name for found in FOLDER.glob("*/adapter.py"))
OURS = {"integrations", "schemas", "worker", "ops", "upstream", "permit_hub_client", "tests", "bench", "celeryconfig"}
SHARED = {f"{PACKAGE}.{room}" for room in ("base", "errors", "http", "oauth", "settings")} | {"schemas"}


def imports(source: str, module: str) -> Iterator[str]:
    """Yield the full names of a module's imports: `a.b` for `from a import b`, where b may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            name = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{name}.{alias.name}" for alias in node.names)


def trespasses(source: str, provider: str) -> set[str]:
    """Return what of ours a module in a provider's folder imports without being allowed to."""
    allowed = SHARED | {f"{PACKAGE}.{provider}"}
    return {
        name
        for name in imports(source, f"{PACKAGE}.{provider}.module")
        if name.partition(".")[0] in OURS and not any(f"{name}.".startswith(f"{room}.") for room in allowed)
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_imports_only_shared_modules_and_its_own_folder(provider: str) -> None:
    found = {
        (file.name, name)
        for file in (FOLDER / provider).rglob("*.py")
        for name in trespasses(file.read_text(), provider)
    }

    assert found == set()


@pytest.mark.parametrize(
    "source",
    [
        "import integrations.flowbird.wire",
        "from integrations.flowbird import wire",
        "from integrations.flowbird.wire import rows",
        "from integrations import flowbird",
        "from ..flowbird import wire",
        "from .. import flowbird",
        "def late():\n    from integrations.flowbird import wire",
        "from integrations.sandbox.easypark import Server",
        "from integrations.registry import ADAPTERS",
        "from integrations import registry",
        "from integrations.memory import InMemory",
        "from integrations.transport import Transport",
        "import integrations.easypark_other.wire",
        "import worker.hub",
        "from ops import cli",
        "import integrations",
    ],
)
def test_a_forbidden_import_is_found(source: str) -> None:
    assert trespasses(source, "easypark")


@pytest.mark.parametrize(
    "source",
    [
        "from integrations.easypark import wire",
        "from integrations.easypark.wire import registered",
        "from . import wire",
        "from .wire import registered",
        "from integrations.base import Capabilities",
        "from integrations import oauth",
        "from schemas.shared import SharedPermit",
        "import json, datetime as time",
        "from collections.abc import Mapping",
    ],
)
def test_an_allowed_import_is_not_reported(source: str) -> None:
    assert trespasses(source, "easypark") == set()


def test_shared_modules_name_no_provider() -> None:
    """Only the registry has their names; import-linter's contracts have none."""
    named = {
        (file.name, name)
        for file in [*FOLDER.glob("*.py"), FOLDER.parent / "pyproject.toml"]
        if file.name != "registry.py"
        for name in registry.ADAPTERS
        if name in file.read_text()
    }

    assert named == set()


def test_the_contract_on_what_providers_share_names_every_module_beside_them() -> None:
    configured = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())
    contracts = configured["tool"]["importlinter"]["contracts"]
    (shared,) = (one for one in contracts if one["name"] == "What all providers share knows none of them")

    assert set(shared["source_modules"]) == {
        f"{PACKAGE}.{file.stem}" for file in FOLDER.glob("*.py") if file.stem != "__init__"
    }
