"""Only one module makes what adapters accept, and it makes it from consent."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.shared import SharedPermit

PROJECT = Path(__file__).parents[2]
MAKES_THEM = Path("worker/domain/consent.py")
NAME = SharedPermit.__name__


def modules() -> Iterator[Path]:
    for path in PROJECT.rglob("*.py"):
        place = path.relative_to(PROJECT)
        if place.parts[0] != "tests" and not place.parts[0].startswith("."):
            yield place


def makes_shared_permits(source: str) -> bool:
    """Return whether a module calls the class, under any name."""
    tree = list(ast.walk(ast.parse(source)))
    names = {NAME} | {
        alias.asname or alias.name
        for node in tree
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == NAME
    }
    names |= {
        target.id
        for node in tree
        if isinstance(node, ast.Assign) and _named(node.value) in names
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return any(isinstance(node, ast.Call) and _named(node.func) in names for node in tree)


def _named(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None


def test_only_the_consent_module_makes_shared_permits() -> None:
    found = list(modules())
    assert {Path("schemas/shared.py"), Path("integrations/base.py"), Path("celeryconfig.py")} <= set(found)
    assert [place for place in found if makes_shared_permits((PROJECT / place).read_text("utf-8"))] == [MAKES_THEM]


@pytest.mark.parametrize(
    "source",
    [
        f"from schemas.shared import {NAME}\n{NAME}(None)",
        f"from schemas.shared import {NAME} as Told\ndef make(): return [Told(reference=None)]",
        f"from schemas import shared\nshared.{NAME}()",
        f"import schemas.shared\nMade = schemas.shared.{NAME}\nMade()",
    ],
    ids=["by its name", "by another name", "through its module", "through a variable"],
)
def test_the_search_finds_every_spelling_of_a_constructor_call(source: str) -> None:
    assert makes_shared_permits(source)
    assert not makes_shared_permits(f"from schemas.shared import {NAME}\ndef send(shared: {NAME}) -> None: ...")
