"""Lists of values as PostgreSQL reads them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, SmallInteger, Text, Uuid, text
from sqlalchemy.engine import Engine

from worker.db.arrays import arrays, names, unnested
from worker.domain.sharing import RequestOutcome, Urgency

UTMOST = 2**63 - 1
TEXTS = ("", " ", "NULL", "null", '"', "\\", '\\"', "a,b", "{}", "{a}", "'", "\n", "é", "🚗", RequestOutcome.CONFIRMED)
MOMENTS = (
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=2))),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (Column("value", BigInteger), (0, -1, UTMOST, -UTMOST - 1)),
        (Column("value", Boolean), (True, False)),
        (Column("value", DateTime(timezone=True)), MOMENTS),
        (Column("value", Integer), (0, -1)),
        (Column("value", LargeBinary), (b"", b"\\", b"\x00", b'"{},', bytes(range(256)))),
        (Column("value", SmallInteger), (0, Urgency.CHANGE)),
        (Column("value", Text), TEXTS),
        (Column("value", Uuid), (UUID(int=0), UUID(int=2**128 - 1))),
    ],
    ids=lambda given: type(given.type).__name__ if isinstance(given, Column) else "",
)
def test_values_come_back_as_they_were(engine: Engine, column: Column[Any], values: Sequence[Any]) -> None:
    given = [None, *values, None]
    rows = [SimpleNamespace(value=value) for value in given]
    asked = text(f"SELECT {names([column])} FROM {unnested('given', [column])}").columns(column)
    with engine.connect() as connection:
        assert list(connection.execute(asked, arrays(rows, [column])).scalars()) == given
        assert list(connection.execute(asked, arrays([], [column])).scalars()) == []
