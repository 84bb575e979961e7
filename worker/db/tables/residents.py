"""Residents, their consent decisions, and their events."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from worker.db.tables.columns import metadata, moment, opaque, personal, recorded_at

residents = Table(
    "residents",
    metadata,
    opaque("resident_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("published_version", BigInteger, nullable=False, server_default=text("0")),
    personal("name", Text),
    personal("email", Text),
    personal("language", Text),
    moment("contact_at", nullable=True),  # when name, address and language were last updated
    moment("erased_at", nullable=True),
    opaque("reminders", Text, nullable=False, server_default=text("'email'")),  # the channel wanted, or none
    moment("email_refused_at", nullable=True),  # for good, by the channel
    Index("residents_unpublished", "resident_id", postgresql_where=text("published_version < version")),
    Index("contacts_by_age", "contact_at", "resident_id", postgresql_where=text("contact_at IS NOT NULL")),
    postgresql_with={"fillfactor": 80},
)

consent_decisions = Table(
    "consent_decisions",
    metadata,
    opaque("resident_id", Text, ForeignKey("residents.resident_id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    opaque("choice", Text, nullable=False),
    opaque("providers", ARRAY(Text), nullable=False),
    opaque("text_version", Text, nullable=False),
    opaque("text_sha256", Text, nullable=False),
    opaque("source", Text, nullable=False),
    opaque("job_id", Uuid, nullable=False),
    moment("decided_at"),
    recorded_at(),
    CheckConstraint("choice IN ('allow', 'refuse')", name="consent_choice"),
)

consent_texts = Table(
    "consent_texts",
    metadata,
    opaque("sha256", Text, primary_key=True),
    opaque("version", Text, nullable=False),
    opaque("language", Text, nullable=False),
    opaque("choice", Text, nullable=False),
    opaque("words", Text, nullable=False),
    recorded_at(),
    CheckConstraint("choice IN ('allow', 'refuse')", name="consent_texts_choice"),
    CheckConstraint("sha256 = encode(sha256(convert_to(words, 'UTF8')), 'hex')", name="consent_texts_sha256"),
)

events = Table(
    "events",
    metadata,
    opaque("resident_id", Text, ForeignKey("residents.resident_id"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    opaque("event_id", Uuid, nullable=False, server_default=func.gen_random_uuid()),
    opaque("type", Text, nullable=False),
    personal("data", JSONB, nullable=False),
    recorded_at(),
)
