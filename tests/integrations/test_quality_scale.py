"""Each provider's README says which rules of the quality scale it meets, and the code agrees where it can tell."""

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

import integrations
from integrations import contracts, registry
from integrations.base import Capabilities
from integrations.settings import ProviderSettings
from tests.integrations.subjects import SERVERS

FOLDER = Path(str(integrations.__file__)).parent
PAGE = FOLDER.parent / "docs" / "adding-a-provider.md"
HEADING = "## Quality scale\n"
ROW = re.compile(r"^\| `([a-z-]+)` \| (.+) \|$", re.MULTILINE)
REASON = re.compile(r"exempt: \S.*")


class Known(NamedTuple):
    """What the code knows of one provider."""

    name: str

    @property
    def can(self) -> Capabilities:
        return registry.capabilities(self.name)

    @property
    def settings(self) -> type[ProviderSettings]:
        return registry.adapter_type(self.name).settings

    @property
    def contract(self) -> contracts.Contract:
        return contracts.read(self.name)

    @property
    def has_sandbox(self) -> bool:
        return self.name in SERVERS


CHECKED: Mapping[str, Callable[[Known], bool]] = {
    "contract": lambda its: bool(its.contract.operations),
    "verified": lambda its: its.contract.whole is contracts.Basis.VERIFIED,
    "sandbox": lambda its: its.has_sandbox,
    "conformance": lambda its: its.has_sandbox,  # the suites take each that has one
    "misbehaviour": lambda its: its.has_sandbox,
    "errors": lambda its: bool(import_module(f"integrations.{its.name}.wire").FAILURES),
    "authority": lambda its: "authority" in its.settings.model_fields,
    "renewal": lambda its: bool({"client_secret", "certificate"} & its.settings.model_fields.keys()),
    "limits": lambda its: bool(its.can.limits),
    "lists": lambda its: its.can.lists,
    "batches": lambda its: its.can.batch > 1,
    "fences": lambda its: its.can.fences,
    "confirms": lambda its: not its.can.acknowledges_later,
}


def rules() -> list[str]:
    return [rule for rule, _ in rows(PAGE.read_text())]


def rows(text: str) -> list[tuple[str, str]]:
    """Return the rules and what is said of each, in the table below the heading."""
    _, heading, below = text.rpartition(HEADING)  # the page has an example above
    assert heading, "there is no quality scale"
    return ROW.findall(below.partition("\n## ")[0])


def test_the_rules_are_told_once_and_those_that_the_code_knows_are_among_them() -> None:
    assert len(rules()) == len(set(rules()))
    assert CHECKED.keys() <= set(rules())


@pytest.mark.parametrize("provider", registry.ADAPTERS)
def test_each_rule_is_met_or_exempt_with_a_reason(provider: str) -> None:
    said = rows((FOLDER / provider / "README.md").read_text())

    assert [rule for rule, _ in said] == rules()
    assert [(rule, status) for rule, status in said if status != "done" and not REASON.fullmatch(status)] == []


@pytest.mark.parametrize("provider", registry.ADAPTERS)
def test_what_is_said_is_what_the_code_does(provider: str) -> None:
    said = dict(rows((FOLDER / provider / "README.md").read_text()))

    assert {rule: said[rule] == "done" for rule in CHECKED} == {
        rule: met(Known(provider)) for rule, met in CHECKED.items()
    }
