"""The metadata of all tables, and the kinds of columns.

PostgreSQL's statistics keep samples, common values and bounds of a column until the next ANALYZE, so what was erased
from the rows stays readable there. Personal columns therefore have no statistics, even where a plan would gain by
them. A column of texts, ids, bytes or JSON is declared `personal` or `opaque`, and a test compares the database.
"""

from datetime import datetime
from functools import partial

from sqlalchemy import Column, DateTime, MetaData, func
from sqlalchemy.sql.functions import FunctionElement

metadata = MetaData()

personal = partial(Column, info={"personal": True})
"""Declare what tells of a person: also a keyed hash, JSON, a secret, and a text that upstream or a provider wrote."""

opaque = partial(Column, info={"personal": False})
"""Declare what tells of no person: an id of ours, a state, a code."""


def moment(name: str, *, nullable: bool = False) -> Column[object]:
    """Declare a moment in time."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def recorded_at(moment: FunctionElement[datetime] | None = None) -> Column[object]:
    """Declare the moment at which a row was written, unless given that at which its transaction began."""
    default = func.now() if moment is None else moment
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=default)
