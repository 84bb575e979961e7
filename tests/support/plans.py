"""How PostgreSQL would run a statement of the hub."""

from collections.abc import Mapping

from sqlalchemy import ClauseElement, Connection


def plan_of(db: Connection, statement: ClauseElement, given: Mapping[str, object]) -> str:
    """Return the plan of a statement with these parameters."""
    compiled = statement.compile(dialect=db.dialect)
    rows = db.exec_driver_sql(f"EXPLAIN {compiled}", compiled.construct_params(given))
    return "\n".join(rows.scalars())
