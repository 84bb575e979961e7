"""Read a provider's contract.yaml: its operations, the basis of each part, and the parts of each feature.

Only documents and tests read it.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

FOLDER = Path(__file__).parent
EMPHASIS = "\n\n**"  # begins the description of the interface itself
METHODS = frozenset({"get", "put", "post", "patch", "delete"})

Model = TypeVar("Model", bound=BaseModel)


class ContractError(Exception):
    """A contract lacks a required part, or the part is invalid."""

    def __init__(self, provider: str, problem: str) -> None:
        super().__init__(f"integrations/{provider}/contract.yaml: {problem}")


class Basis(StrEnum):
    """How we know a fact about a provider."""

    VERIFIED = "verified"
    ASSUMED = "assumed"


class Marked(BaseModel):
    """A part of a contract with its basis."""

    model_config = ConfigDict(frozen=True)

    basis: Basis = Field(alias="x-basis")
    source: str = Field(default="", alias="x-source")


class SecurityScheme(Marked):
    """How requests are authorised."""

    kind: str = Field(alias="type")
    scheme: str = ""  # one of HTTP's own, such as `bearer`
    name: str = ""  # of a header
    description: str = ""


class Operation(Marked):
    """One method of one path."""

    operation_id: str = Field(alias="operationId")
    summary: str
    method: str
    path: str


Ground = Basis | tuple[str, ...]
"""A basis, or the parts that a feature rests on: operation ids, and components such as `schemas/Plate`."""


class Support(BaseModel):
    """`x-support`: the parts that each feature, present or missing, rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plate: Ground
    country: Ground
    zones: Ground
    profile: Ground
    validity: Ground
    put: Ground
    removal: Ground
    batch: Ground
    acknowledgement: Ground
    list: Ground
    fencing: Ground
    limits: Ground


class _Info(Marked):
    description: str


class _Document(BaseModel):
    info: _Info
    paths: Mapping[str, Mapping[str, JsonValue]]
    security: tuple[Mapping[str, JsonValue], ...]
    components: Mapping[str, Mapping[str, JsonValue]]
    support: Support = Field(alias="x-support")


class Contract:
    """One provider's contract."""

    def __init__(self, provider: str, text: str) -> None:
        """Read the text of a contract.yaml.

        Raises:
            ContractError: a required part is missing or invalid.
        """
        self._provider = provider
        self._document = self._read(_Document, "", yaml.safe_load(text))
        self.support = self._document.support
        self.operations = tuple(
            self._read(Operation, f"{method} {path}", {**operation, "method": method.upper(), "path": path})
            for path, item in self._document.paths.items()
            for method, operation in item.items()
            if method in METHODS and isinstance(operation, dict)
        )
        schemes = (name for needed in self._document.security for name in needed)
        self.security = tuple(
            self._read(SecurityScheme, name, self._document.components.get("securitySchemes", {}).get(name))
            for name in schemes
        )

    @property
    def whole(self) -> Basis:
        """Return the basis of the interface as a whole."""
        return self._document.info.basis

    @property
    def introduction(self) -> str:
        """Return the contract's introduction: what is public, and the sources."""
        return self._document.info.description.partition(EMPHASIS)[0].strip()

    def basis(self, ground: Ground) -> Basis:
        """Return the basis of a feature: verified if all its parts are.

        Raises:
            ContractError: a part is missing or has no basis.
        """
        return ground if isinstance(ground, Basis) else basis_of_all(map(self._part, ground))

    def operations_of(self, ground: Ground) -> tuple[Operation, ...]:
        """Return the operations that a feature rests on."""
        named = () if isinstance(ground, Basis) else ground
        return tuple(operation for operation in self.operations if operation.operation_id in named)

    def _part(self, name: str) -> Marked:
        for operation in self.operations:
            if operation.operation_id == name:
                return operation
        kind, _, component = name.partition("/")
        return self._read(Marked, f"x-support, {name}", self._document.components.get(kind, {}).get(component))

    def _read(self, kind: type[Model], place: str, value: object) -> Model:
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(filter(None, [place, *map(str, first["loc"])]))
        raise ContractError(self._provider, f"{where}: {first['msg']}")


def basis_of_all(parts: Iterable[Marked]) -> Basis:
    """Return verified if all parts are, else assumed."""
    return Basis.VERIFIED if {part.basis for part in parts} == {Basis.VERIFIED} else Basis.ASSUMED


def read(provider: str) -> Contract:
    """Read a provider's contract.

    Raises:
        ContractError: a required part is missing or invalid.
    """
    return Contract(provider, (FOLDER / provider / "contract.yaml").read_text(encoding="utf-8"))
