"""Write docs/providers.md from the adapters' declarations and the contracts: `python -m integrations.documents`."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import get_args

from integrations import registry
from integrations.base import Capabilities
from integrations.contracts import FOLDER, Contract, Ground, Marked, Operation, SecurityScheme, basis_of_all, read
from integrations.settings import LEAST_IN_FLIGHT, MOST_IN_FLIGHT, SPANS, Certificate, ProviderSettings
from schemas.shared import SharedField

DOCS = FOLDER.parent / "docs"
FILE = "providers.md"
_YES_OR_NO = {True: "yes", False: "no"}
FOR_ALL_ALIKE = "development"  # a setting of every provider that is said once

HEAD = """\
# What each provider supports

Made from the adapters' declarations and the providers' contracts; after a change there, run `make schemas`.

*Verified* is what is published, or was seen, where the contract says; *assumed* is ours, until the partner's own
contract replaces it. What is known of an operation, and what of it is assumed all the same, is said below the table.
Where the interface as a whole is assumed, verified parts are so in the one that it was modelled on.

The legal basis and the settings are the hub's own. Settings are environment variables that begin with
`PERMIT_HUB_<PROVIDER>_`, or files of that name in `/run/secrets`; every provider may have {common}, too.
`LIMITS` is a JSON list such as `["50/s", "2000/min"]`, for all workers together. `IN_FLIGHT` is how many requests each
drain has under way at once, from {least} to {most}; without it, `PERMIT_HUB_IN_FLIGHT` says so, and 4 where any
requests carry many changes. Time-outs narrow it by themselves, and a part of it is always kept for withdrawals.

"""


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider, as its adapter declares it and as its contract says."""

    name: str
    title: str
    capabilities: Capabilities
    settings: type[ProviderSettings]
    contract: Contract


Cell = Callable[[Provider], str]
"""What one column says in one row."""


def providers() -> list[Provider]:
    """Return every registered provider.

    Raises:
        integrations.contracts.ContractError: a contract lacks what each has.
    """
    found = []
    for name in registry.ADAPTERS:
        adapter, readme = registry.adapter_type(name), (FOLDER / name / "README.md").read_text(encoding="utf-8")
        title = readme.partition("\n")[0].removeprefix("# ")
        found.append(Provider(name, title, adapter.capabilities, adapter.settings, read(name)))
    return found


def document() -> str:
    """Return the text of docs/providers.md."""
    every = providers()
    names = (name for name, field in ProviderSettings.model_fields.items() if not field.is_required())
    *others, last = (_code(name.upper()) for name in names if name != FOR_ALL_ALIKE)
    common = f"{', '.join(others)} and {last}"
    links = [f"[{one.title}](../integrations/{one.name}/README.md)" for one in every]
    matrix = _table(["", *links], ([feature, *map(cell, every)] for feature, cell in FEATURES.items()))
    return "".join(
        [HEAD.format(common=common, least=LEAST_IN_FLIGHT, most=MOST_IN_FLIGHT), matrix, *map(_parts, every)]
    )


def is_current(docs: Path = DOCS) -> bool:
    """Tell whether the file says what the declarations and the contracts do."""
    file = docs / FILE
    return file.is_file() and file.read_text(encoding="utf-8") == document()


def write(docs: Path = DOCS) -> None:
    """Bring the file up to date."""
    (docs / FILE).write_text(document(), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Write the file, or with `--check` return 1 if it is not current."""
    parser = argparse.ArgumentParser(prog="python -m integrations.documents", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not current")
    if not parser.parse_args(arguments).check:
        write()
    elif not is_current():
        print(f"docs/{FILE} is not current: run `make schemas`", file=sys.stderr)
        return 1
    return 0


def _received(field: SharedField) -> Cell:
    return lambda one: _said(one, _YES_OR_NO[field in one.capabilities.fields], getattr(one.contract.support, field))


def _authorisation(one: Provider) -> str:
    schemes = one.contract.security
    shown = [_scheme(scheme) for scheme in schemes]
    if any(set(field.metadata) & set(get_args(Certificate)) for field in one.settings.model_fields.values()):
        shown.append("client certificate")
    return f"{', '.join(shown)} ({basis_of_all(schemes)})"


def _scheme(scheme: SecurityScheme) -> str:
    return f"key in {_code(scheme.name)}" if scheme.kind == "apiKey" else f"{scheme.scheme or scheme.kind} token"


def _changes(one: Provider) -> str:
    batch = one.capabilities.batch
    many = f"up to {batch}" + (" first puts" if one.capabilities.batch_of_first_puts else "")
    return _said(one, many if batch > 1 else "1", one.contract.support.batch)


def _acknowledges(one: Provider) -> str:
    return _said(one, _YES_OR_NO[one.capabilities.acknowledges_later], one.contract.support.acknowledgement)


def _lists(one: Provider) -> str:
    return _said(one, _YES_OR_NO[one.capabilities.lists], one.contract.support.list)


def _fences(one: Provider) -> str:
    return _said(one, _YES_OR_NO[one.capabilities.fences], one.contract.support.fencing)


def _limits(one: Provider) -> str:
    spans = {seconds: span for span, seconds in SPANS.items()}
    limits = [f"{limit.count}/{spans.get(limit.seconds, f'{limit.seconds:g} s')}" for limit in one.capabilities.limits]
    return _said(one, ", ".join(limits) or "none known", one.contract.support.limits)


def _settings(one: Provider) -> str:
    own = {
        name: field for name, field in one.settings.model_fields.items() if name not in ProviderSettings.model_fields
    }
    needed = ["url", *(name for name, field in own.items() if field.is_required())]
    may_be = (f"{_code(name.upper())} (optional)" for name in own if name not in needed)
    return ", ".join([*(_code(name.upper()) for name in needed), *may_be])


FEATURES: Mapping[str, Cell] = MappingProxyType(
    {
        "interface as a whole": lambda one: one.contract.whole,
        "legal basis": lambda one: one.capabilities.legal_basis.replace("_", " "),
        **{f"receives {field}": _received(field) for field in SharedField},
        "authorisation": _authorisation,
        "put": lambda one: _said(one, "", one.contract.support.put),
        "removal": lambda one: _said(one, "", one.contract.support.removal),
        "changes in a request": _changes,
        "acknowledges later": _acknowledges,
        "lists what it holds": _lists,
        "refuses stale versions": _fences,
        "rate limit": _limits,
        "settings": _settings,
    }
)
"""The rows of the matrix."""


def _said(one: Provider, answer: str, ground: Ground) -> str:
    """Return an answer with the operations that it rests on, and the basis of that."""
    operations = ", ".join(_address(operation) for operation in one.contract.operations_of(ground))
    words = ", by ".join(part for part in (answer, operations) if part)
    return f"{words} ({one.contract.basis(ground)})"


def _parts(one: Provider) -> str:
    """Return what we ask of a provider, and how that is known."""
    schemes = [(_scheme(found), found.description, found) for found in one.contract.security]
    operations = [(_address(found), found.summary, found) for found in one.contract.operations]
    parts: list[tuple[str, str, Marked]] = [*schemes, *operations]
    rows = ([what, _one_line(words), found.basis, _one_line(found.source)] for what, words, found in parts)
    about = f"## {one.title}\n\n{one.contract.introduction}"
    return f"\n{about}\n\n{_table(['', '', 'basis', 'source'], rows)}"


def _address(operation: Operation) -> str:
    return _code(f"{operation.method} {operation.path}")


def _code(words: str) -> str:
    return f"`{words}`"


def _one_line(words: str) -> str:
    return " ".join(words.split()).replace("|", r"\|")


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
