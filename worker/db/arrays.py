"""Lists as parameters of a statement: the types of their columns are those of the tables."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    DateTime,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    any_,
    bindparam,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.elements import NamedColumn

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]


def among(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """Compare a column with the list of this parameter, which may have any length."""
    values: BindParameter[Any] = bindparam(parameter, type_=ARRAY(column.type))
    return column == any_(values)


def kind(column: ColumnElement[Any]) -> str:
    """Return the name of a column's type in SQL."""
    return column.type.compile(_DIALECT)


def recordset(parameter: str, alias: str, columns: Iterable[NamedColumn[Any]]) -> str:
    """Return what to select from for the rows of a parameter, which is a JSON array of objects."""
    named = ", ".join(f"{column.name} {kind(column)}" for column in columns)
    return f"jsonb_to_recordset(CAST(:{parameter} AS jsonb)) AS {alias} ({named})"


def unnested(alias: str, columns: Iterable[NamedColumn[Any]], prefix: str = "") -> str:
    """Return what to select from for rows given as one array for each column: `prefix` and its name."""
    listed = tuple(columns)
    arrays = ", ".join(f"CAST(:{prefix}{column.name} AS {kind(column)}[])" for column in listed)
    return f"unnest({arrays}) AS {alias} ({names(listed)})"


def arrays(rows: Collection[object], columns: Iterable[NamedColumn[Any]], prefix: str = "") -> dict[str, str]:
    """Return the parameters of `unnested` for rows that have an attribute for each column."""
    return {prefix + column.name: _array([getattr(row, column.name) for row in rows], column) for column in columns}


def _array(values: Iterable[Any], column: NamedColumn[Any]) -> str:
    """Return values as PostgreSQL reads an array; a list would cost psycopg several times as long."""
    written = _WRITTEN[type(column.type)]
    return "{" + ",".join(["NULL" if value is None else written(value) for value in values]) + "}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _hexadecimal(value: bytes) -> str:
    return '"\\\\x' + value.hex() + '"'


_WRITTEN: Mapping[type, Callable[[Any], str]] = {
    BigInteger: int.__repr__,  # without the name of an enum's member
    Boolean: str,
    DateTime: datetime.isoformat,
    Integer: int.__repr__,
    LargeBinary: _hexadecimal,
    SmallInteger: int.__repr__,
    Text: _quoted,
    Uuid: str,
}


def names(columns: Iterable[NamedColumn[Any]], table: str = "") -> str:
    """Return the names of columns, as those of a table where one is named, for a list in SQL."""
    return ", ".join(f"{table}.{column.name}" if table else column.name for column in columns)
