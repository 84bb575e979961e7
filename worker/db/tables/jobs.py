"""Jobs and their receipts, and refused messages."""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from worker.db.tables.columns import metadata, opaque, personal, recorded_at

jobs = Table(
    "jobs",
    metadata,
    opaque("job_id", Uuid, primary_key=True),
    opaque("kind", Text, nullable=False),
    opaque("source", Text),
    opaque("resident_id", Text),
    opaque("outcome", Text, nullable=False),
    opaque("code", Text),
    personal("digest", LargeBinary, nullable=False),
    personal("receipt", JSONB, nullable=False),
    recorded_at(),
    Index("jobs_by_age", "recorded_at"),
)

refused_messages = Table(
    "refused_messages",
    metadata,
    Column("refused_message_id", BigInteger, Identity(always=True), primary_key=True),
    opaque("task_id", Uuid),
    opaque("job_id", Uuid),
    personal("kind", Text),
    personal("queue", Text),
    opaque("code", Text, nullable=False),
    personal("field", Text),
    Column("size", Integer),  # bytes, where there is a message of its own
    recorded_at(),
    Index("refused_messages_by_age", "recorded_at"),
)
