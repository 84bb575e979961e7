"""The ledger of reminders, and the channels that they go out through."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

from worker.db.tables.columns import metadata, moment, opaque, personal

reminders = Table(
    "reminders",
    metadata,
    opaque("reminder_id", Uuid, primary_key=True, server_default=func.gen_random_uuid()),
    personal("token", Uuid, nullable=False, server_default=func.gen_random_uuid()),  # in the link that stops reminders
    opaque("permit_id", Uuid, ForeignKey("permits.permit_id"), nullable=False),
    opaque("occasion", Text, nullable=False),
    Column("day", Date, nullable=False),  # the last day of a term, or to pay
    Column("days_ahead", SmallInteger, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    opaque("state", Text, nullable=False, server_default=text("'due'")),
    opaque("code", Text),  # why it was dropped or refused, or why it is not sent yet
    Column(
        "due_at", DateTime(timezone=True), nullable=False, server_default=func.now()
    ),  # when claimed: when it is due again
    opaque("lease_id", Uuid),
    Column("failures", SmallInteger, nullable=False, server_default=text("0")),  # attempts that surely sent nothing
    Column("maybe_sent", SmallInteger, nullable=False, server_default=text("0")),  # attempts that may have sent it
    moment("settled_at", nullable=True),
    UniqueConstraint("permit_id", "occasion", "day", "days_ahead", name="reminders_decided_once"),
    UniqueConstraint("token", name="reminders_token_key"),
    CheckConstraint("occasion IN ('expiry', 'payment')", name="reminders_occasion"),
    CheckConstraint("state IN ('due', 'sent', 'dropped', 'refused', 'unreachable', 'unclear')", name="reminders_state"),
    Index("reminders_due", "due_at", postgresql_where=text("state = 'due'")),
    Index(
        "reminders_undelivered",
        "settled_at",
        postgresql_where=text("state IN ('refused', 'unreachable', 'unclear')"),
    ),
    Index("reminders_by_day", "day"),
)

channels = Table(
    "channels",
    metadata,
    opaque("channel", Text, primary_key=True),
    personal("problem", Text),  # why nothing can be sent
    moment("since"),
)
