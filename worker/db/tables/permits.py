"""Permits, their terms, plates and payments."""

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, ExcludeConstraint

from worker.db.tables.columns import metadata, moment, opaque, personal, recorded_at

permits = Table(
    "permits",
    metadata,
    opaque("permit_id", Uuid, primary_key=True),
    opaque("resident_id", Text, ForeignKey("residents.resident_id"), nullable=False, index=True),
    opaque("status", Text, nullable=False),
    Column("requested_on", Date, nullable=False),
    opaque("profile", Text, nullable=False),
    personal("ban_id", Text, nullable=False),
    personal("address", Text, nullable=False),
    personal("zones", ARRAY(Text), nullable=False),
    personal("pending", JSONB),
    personal("reason", Text),
    personal("verified", JSONB),  # by upstream; of none that was imported
    Column("over_on", Date),  # its last day, or the day it was closed; NULL once anonymised
    CheckConstraint(
        "status IN ('submitted', 'awaiting_payment', 'active', 'rejected', 'cancelled_by_resident', "
        "'cancelled_unpaid', 'ended')",
        name="permits_status",
    ),
    Index(
        "permits_under_review",
        text("((pending -> 'review') ->> 'since')"),
        postgresql_where=text("(pending -> 'review') ->> 'since' IS NOT NULL"),
    ),
    Index("permits_unpaid", text("(pending ->> 'pay_by')"), postgresql_where=text("pending ->> 'pay_by' IS NOT NULL")),
    Index("permits_over", "over_on", "permit_id", postgresql_where=text("over_on IS NOT NULL")),
)

terms = Table(
    "terms",
    metadata,
    opaque("permit_id", Uuid, ForeignKey("permits.permit_id"), primary_key=True),
    Column("first_day", Date, primary_key=True),
    Column("last_day", Date, nullable=False),
    Column("end_applied", Boolean, nullable=False, server_default=text("false")),  # its end was acted on
    # The offset, in days ahead, of the last reminder decided on; the default is greater than any offset.
    Column("decided_ahead", SmallInteger, nullable=False, server_default=text("32767")),
    CheckConstraint("first_day <= last_day", name="terms_in_order"),
    ExcludeConstraint(
        ("permit_id", "="), (text("daterange(first_day, last_day, '[]')"), "&&"), name="terms_apart", using="gist"
    ),
    Index("terms_ends_to_apply", "last_day", postgresql_where=text("NOT end_applied")),
    Index("terms_reminders_to_decide", "last_day", "decided_ahead"),
)


def _one_at_a_time(key: str, name: str, where: str | None = None) -> ExcludeConstraint:
    """Return the constraint by which one permit at a time has a plate.

    The last byte of a key is the division of letters, where one counts: after how many of them it stands. 0 is not
    known, and meets all.
    """
    division = f"get_byte(uuid_send({key}), 15)"
    return ExcludeConstraint(
        (text(f"CAST(encode(set_byte(uuid_send({key}), 15, 0), 'hex') AS uuid)"), "="),
        (text(f"int4range({division}, CASE {division} WHEN 0 THEN 255 ELSE {division} END, '[]')"), "&&"),
        ("during", "&&"),
        name=name,
        using="gist",
        where=None if where is None else text(where),
    )


plate_assignments = Table(
    "plate_assignments",
    metadata,
    opaque("permit_id", Uuid, ForeignKey("permits.permit_id"), primary_key=True),
    Column("assigned_at", DateTime(timezone=True), primary_key=True, server_default=func.clock_timestamp()),
    personal("raw", Text, nullable=False),
    personal("normalised", Text, nullable=False),
    personal("country", String(2), nullable=False),
    personal("plate_key", Uuid, nullable=False),
    personal("next_plate_key", Uuid),  # by the next hash key, while the database goes over to it
    Column("during", TSTZRANGE, nullable=False),
    moment("replaced_at", nullable=True),  # by another plate
    _one_at_a_time("plate_key", "plate_in_use"),
    _one_at_a_time("next_plate_key", "next_plate_in_use", where="next_plate_key IS NOT NULL"),
    Index("plates_replaced", "replaced_at", postgresql_where=text("replaced_at IS NOT NULL")),
)

agent_decisions = Table(
    "agent_decisions",
    metadata,
    opaque("job_id", Uuid, primary_key=True),
    opaque("permit_id", Uuid, ForeignKey("permits.permit_id"), nullable=False),
    opaque("decision", Text, nullable=False),
    opaque("decided_by", Text, nullable=False),  # an agent of the city, by an id that the agents' tool gives
    opaque("source", Text, nullable=False),
    recorded_at(),
    CheckConstraint("decision IN ('approve', 'reject')", name="agent_decisions_decision"),
    Index("agent_decisions_by_age", "recorded_at"),
)

payments = Table(
    "payments",
    metadata,
    personal("payment_reference", Text),
    opaque("permit_id", Uuid, ForeignKey("permits.permit_id"), nullable=False),
    Column("amount_cents", Integer, nullable=False),
    recorded_at(),
    PrimaryKeyConstraint("payment_reference", name="payment_already_confirmed"),
    Index("payments_by_permit", "permit_id"),
)
