"""Jobs and their receipts, and the messages that were none."""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from worker.db.tables.columns import metadata, recorded_at

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("source", Text),
    Column("resident_id", Text),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("digest", LargeBinary, nullable=False),
    Column("receipt", JSONB, nullable=False),
    recorded_at(),
    Index("jobs_by_age", "recorded_at"),
)

refused_messages = Table(
    "refused_messages",
    metadata,
    Column("refused_message_id", BigInteger, Identity(always=True), primary_key=True),
    Column("task_id", Uuid),
    Column("job_id", Uuid),
    Column("kind", Text),
    Column("queue", Text),
    Column("code", Text, nullable=False),
    Column("field", Text),
    Column("size", Integer),  # bytes, where there is a message of its own
    recorded_at(),
    Index("refused_messages_by_age", "recorded_at"),
)
