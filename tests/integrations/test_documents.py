"""docs/providers.md agrees with the adapters and the contracts, and each contract is complete."""

from pathlib import Path

import pytest

from integrations import documents, registry
from integrations.contracts import Basis, Contract, ContractError, Operation, Support, read

MINIMAL = """
info: {{description: "Theirs.\\n\\n**Ours.**", x-basis: assumed}}
paths:
  /rights:
    get: {{operationId: listRights, summary: List, x-basis: verified, x-source: a page}}
    post: {{operationId: putRight, summary: Put, x-basis: assumed}}
security: [Key: []]
components:
  securitySchemes:
    Key: {{type: apiKey, name: X-Key, x-basis: verified}}
  schemas:
    Right: {{x-basis: verified}}
    Bare: {{}}
x-support: {support}
"""
SUPPORT = dict.fromkeys(Support.model_fields, "assumed")


def contract(**changed: str | list[str] | None) -> Contract:
    """Return a small contract in which all is assumed, with some parts changed; None leaves one out."""
    support = {name: ground for name, ground in (SUPPORT | changed).items() if ground is not None}
    return Contract("anybody", MINIMAL.format(support=support))


def test_the_committed_document_is_current() -> None:
    assert documents.is_current()


def test_check_finds_a_stale_document_and_writing_renews_it(tmp_path: Path) -> None:
    assert not documents.is_current(tmp_path)
    documents.write(tmp_path)
    assert documents.is_current(tmp_path)
    with (tmp_path / documents.FILE).open("a") as file:
        file.write("| by hand |\n")
    assert not documents.is_current(tmp_path)


def test_every_provider_has_its_column_and_every_feature_its_row() -> None:
    table = [line.split(" | ") for line in documents.document().splitlines() if line.startswith("| ")]
    heading, _, *rows = table[: 2 + len(documents.FEATURES)]

    assert all(f"/{name}/" in cell for name, cell in zip(registry.ADAPTERS, heading[1:], strict=True))
    assert [row[0].removeprefix("| ") for row in rows] == [*documents.FEATURES]
    assert all(len(row) == len(heading) for row in rows)


@pytest.mark.parametrize("name", registry.ADAPTERS)
def test_each_feature_rests_on_parts_of_the_contract(name: str) -> None:
    found = read(name)

    assert {found.basis(ground) for _, ground in found.support} <= set(Basis)
    assert found.introduction


@pytest.mark.parametrize("name", registry.ADAPTERS)
def test_an_adapter_declares_exactly_what_its_contract_has(name: str) -> None:
    found, capabilities = read(name), registry.capabilities(name)
    support = found.support
    declared = {
        "put": True,
        "removal": True,
        "batch": capabilities.batch > 1,
        "acknowledgement": capabilities.acknowledges_later,
        "list": capabilities.lists,
    }

    assert {feature: bool(found.operations_of(getattr(support, feature))) for feature in declared} == declared


def test_a_feature_is_verified_if_all_its_parts_are() -> None:
    found = contract()

    assert found.basis(("listRights", "schemas/Right")) is Basis.VERIFIED
    assert found.basis(("listRights", "putRight")) is Basis.ASSUMED
    assert found.basis(Basis.VERIFIED) is Basis.VERIFIED


def test_a_feature_is_shown_with_its_operations() -> None:
    found = contract(list=["listRights", "schemas/Right"])

    assert found.operations_of(found.support.list) == (
        Operation(
            operationId="listRights",
            summary="List",
            method="GET",
            path="/rights",
            **{"x-basis": "verified", "x-source": "a page"},
        ),
    )
    assert found.introduction == "Theirs."


@pytest.mark.parametrize("feature", Support.model_fields)
def test_a_missing_feature_is_named(feature: str) -> None:
    with pytest.raises(
        ContractError, match=rf"^integrations/anybody/contract.yaml: x-support.{feature}: Field required"
    ):
        contract(**{feature: None})


@pytest.mark.parametrize("part", ["schemas/Bare", "schemas/Nobody", "nowhere/Right", "nobody"])
def test_a_missing_part_or_basis_is_named(part: str) -> None:
    found = contract(plate=[part])

    with pytest.raises(ContractError, match=f"x-support, {part}"):
        found.basis(found.support.plate)


@pytest.mark.parametrize(
    ("changed", "named"), [({"plates": "assumed"}, "x-support.plates"), ({"plate": "sure"}, "plate")]
)
def test_an_invalid_contract_is_refused(changed: dict[str, str], named: str) -> None:
    with pytest.raises(ContractError, match=named):
        contract(**changed)
