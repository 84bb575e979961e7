"""Every statement of the hub: found in the modules of `worker.db`, and described by PostgreSQL."""

import ast
import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
from sqlalchemy import ColumnElement, Executable, create_engine

import worker
import worker.db

DIALECT = create_engine("postgresql+psycopg://", paramstyle="numeric_dollar").dialect
ELSEWHERE = ("worker.db.migrations", "worker.db.tables")
CALLS = {"execute", "exec_driver_sql", "scalar", "scalars", "stream"}
RUNNER = "worker.db.trip"
OWNERS = ("worker.db.consent_texts._PUT", "worker.db.rotation.")
MAKERS = {"Statement", "write"}  # of the runner, which executes what they made


def modules() -> Iterator[ModuleType]:
    """Yield the modules that may hold statements."""
    for found in pkgutil.walk_packages(worker.db.__path__, "worker.db."):
        if not found.name.startswith(ELSEWHERE):
            yield import_module(found.name)


def statements() -> dict[str, Executable]:
    """Return every statement by the name of its module and its own, with its place in a list or a dictionary."""
    return {
        f"{module.__name__}.{name}": statement
        for module in modules()
        for key, value in vars(module).items()
        for name, statement in _within(key, value)
    }


def prepared() -> dict[str, Executable]:
    """Return the statements that PostgreSQL prepares: not settings, locks of tables, or changes of tables."""
    return {name: one for name, one in statements().items() if not sql(one).startswith(("SET ", "LOCK ", "ALTER "))}


def is_owners(name: str) -> bool:
    """Return whether the owner of the tables runs a statement, and no worker."""
    return name.startswith(OWNERS)


def sql(statement: Executable) -> str:
    """Return what PostgreSQL is sent, with parameters as `PREPARE` has them."""
    return str(statement.compile(dialect=DIALECT)).strip()  # type: ignore[attr-defined]


def describe(connection: psycopg.Connection[Any], statement: Executable) -> list[tuple[str, int]]:
    """Plan a statement, which also checks the rights; return its columns' names and types, the latter by their oid."""
    connection.execute(f"PREPARE one AS {sql(statement)}", prepare=False)
    try:
        told = connection.pgconn.describe_prepared(b"one")
        values = ", ".join(["NULL"] * told.nparams)
        connection.execute(f"EXPLAIN EXECUTE one ({values})" if values else "EXPLAIN EXECUTE one", prepare=False)
        return [((told.fname(number) or b"").decode(), told.ftype(number)) for number in range(told.nfields)]
    finally:
        connection.execute("DEALLOCATE one", prepare=False)


def oid(connection: psycopg.Connection[Any], column: ColumnElement[Any]) -> int:
    """Return PostgreSQL's number of a column's type."""
    row = connection.execute("SELECT to_regtype(%s)::oid", [column.type.compile(DIALECT)]).fetchone()
    assert row is not None
    return int(row[0])


def hidden() -> list[str]:
    """Return the places below `worker` where something is executed that `statements` does not find."""
    package = Path(worker.__path__[0])
    names = {path: ".".join(path.relative_to(package.parent).with_suffix("").parts) for path in package.rglob("*.py")}
    return [
        f"{path}:{line}"
        for path, name in sorted(names.items())
        if not name.startswith((*ELSEWHERE, RUNNER))
        for line in hidden_in(name, path.read_text())
    ]


def hidden_in(module: str, source: str) -> list[int]:
    """Return the lines of such places, in a module with this source."""
    tree = ast.parse(source)
    loops = {
        loop.target.id: loop.iter
        for loop in ast.walk(tree)
        if isinstance(loop, ast.For | ast.comprehension) and isinstance(loop.target, ast.Name)
    }
    return [call.lineno for call, executed in _executions(tree) if not _is_found(module, _unlooped(executed, loops))]


def _executions(tree: ast.AST) -> Iterator[tuple[ast.Call, ast.expr]]:
    for call in ast.walk(tree):
        match call:
            case ast.Call(func=ast.Attribute(attr=attribute), args=[executed, *_]) if attribute in CALLS:
                yield call, executed
            case ast.Call(func=ast.Name(id=name), args=[executed, *_]) if name in MAKERS:
                yield call, executed


def _unlooped(executed: ast.expr, loops: Mapping[str, ast.expr]) -> ast.expr:
    """Return what a statement is taken from: the name, or the list or the dictionary of that name."""
    match executed:
        case ast.Subscript(value=held):
            return held
        case ast.Name(id=name) if name in loops:
            return loops[name]
    return executed


def _is_found(module: str, named: ast.expr) -> bool:
    held = _within("", vars(import_module(module)).get(named.id)) if isinstance(named, ast.Name) else ()
    found = {id(statement) for statement in statements().values()}
    executed = {id(statement) for _, statement in held}
    return bool(executed) and executed <= found


def _within(name: str, value: object) -> Iterator[tuple[str, Executable]]:
    if isinstance(value, Executable) and not isinstance(value, ColumnElement):
        yield name, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _within(f"{name}[{key}]", one)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _within(f"{name}[{number}]", one)
