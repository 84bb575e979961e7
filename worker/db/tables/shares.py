"""Shares with their wanted and confirmed state, and the ledger of disclosures."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

from worker.db.tables.columns import metadata, moment, opaque, personal, recorded_at

shares = Table(
    "shares",
    metadata,
    opaque("permit_id", Uuid, primary_key=True),  # without a permit if the hub did not know the copy
    opaque("provider", Text, primary_key=True),
    opaque("reference", Uuid, nullable=False, server_default=func.gen_random_uuid()),
    Column("wanted_version", BigInteger, nullable=False),
    Column("confirmed_version", BigInteger, nullable=False),
    personal("confirmed_hash", LargeBinary),
    Column("holds", Boolean),
    moment("confirmed_at", nullable=True),
    Column("urgency", SmallInteger, nullable=False),
    moment("due_at"),
    opaque("lease_id", Uuid),
    moment("lease_until", nullable=True),
    Column("claimed_version", BigInteger, nullable=False),
    personal("claimed_hash", LargeBinary),
    opaque("claimed_by", Uuid),
    personal("claimed_subject", LargeBinary),
    personal("held_subject", LargeBinary),
    Column("requests", Integer, nullable=False, server_default=text("0")),
    personal("operation", Text),
    moment("operation_until", nullable=True),
    moment("unsettled_until", nullable=True),
    moment("stray_put_until", nullable=True),
    Column("failures", Integer, nullable=False),
    moment("failing_since", nullable=True),
    moment("failed_at", nullable=True),
    opaque("parked", Text),
    UniqueConstraint("reference", name="shares_reference_key"),
    Index(
        "shares_due",
        "provider",
        "urgency",
        "due_at",
        postgresql_where=text("confirmed_version < wanted_version"),
    ),
    Index("shares_parked", "provider", postgresql_where=text("parked IS NOT NULL")),
    postgresql_with={"fillfactor": 70},
)

# Of its statement: the share is locked before, so these moments follow the order of the locks.
disclosures = Table(
    "disclosures",
    metadata,
    opaque("disclosure_id", Uuid, primary_key=True),
    opaque("permit_id", Uuid, nullable=False),
    opaque("provider", Text, nullable=False),
    personal("fields_hash", LargeBinary, nullable=False),
    Column("consent_version", Integer),
    recorded_at(func.statement_timestamp()),
    Index("disclosures_by_permit", "permit_id"),
)

disclosure_outcomes = Table(
    "disclosure_outcomes",
    metadata,
    opaque("disclosure_id", Uuid, ForeignKey("disclosures.disclosure_id"), primary_key=True),
    opaque("outcome", Text, primary_key=True),
    opaque("code", Text),
    recorded_at(func.statement_timestamp()),
)
