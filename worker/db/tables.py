"""The tables, as the migrations leave them; a test compares the two."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, ExcludeConstraint

metadata = MetaData()


def _moment(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _recorded_at() -> Column[object]:
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now())


hub_state = Table(
    "hub_state",
    metadata,
    Column("singleton", Boolean, CheckConstraint("singleton"), primary_key=True, server_default=text("true")),
    Column("epoch", BigInteger, nullable=False, server_default=text("1")),
    Column("redis_run_id", Text),
    Column("cleared_epoch", BigInteger, nullable=False, server_default=text("1")),
)

ticks = Table(
    "ticks",
    metadata,
    Column("task", Text, primary_key=True),
    Column("seconds", Double, nullable=False),
    Column("tick", BigInteger, nullable=False),
    _moment("ticked_at"),
)

walks = Table(
    "walks",
    metadata,
    Column("walk", Text, primary_key=True),
    Column("looked_at", Uuid),  # the last permit; none where it is to begin anew
)

residents = Table(
    "residents",
    metadata,
    Column("resident_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("published_version", BigInteger, nullable=False, server_default=text("0")),
    Column("name", Text),
    Column("email", Text),
    Column("language", Text),
    _moment("erased_at", nullable=True),
    Column("reminders", Text, nullable=False, server_default=text("'email'")),  # the channel wanted, or none
    _moment("email_refused_at", nullable=True),  # for good, by whoever delivers
    Index("residents_unpublished", "resident_id", postgresql_where=text("published_version < version")),
)

permits = Table(
    "permits",
    metadata,
    Column("permit_id", Uuid, primary_key=True),
    Column("resident_id", Text, ForeignKey("residents.resident_id"), nullable=False, index=True),
    Column("status", Text, nullable=False),
    Column("requested_on", Date, nullable=False),
    Column("profile", Text, nullable=False),
    Column("ban_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("zones", ARRAY(Text), nullable=False),
    Column("pending", JSONB),
    Column("reason", Text),
    Column("verified", JSONB),  # by upstream; of none that was imported
    Column("over_on", Date),  # its last day, or the one on which it was closed; of one that is forgotten, none
    CheckConstraint(
        "status IN ('submitted', 'awaiting_payment', 'active', 'rejected', 'cancelled_by_resident', "
        "'cancelled_unpaid', 'ended')",
        name="permits_status",
    ),
    Index("permits_under_review", "requested_on", postgresql_where=text("status = 'submitted'")),
    Index("permits_unpaid", text("(pending ->> 'pay_by')"), postgresql_where=text("pending ->> 'pay_by' IS NOT NULL")),
    Index("permits_over", "over_on", "permit_id", postgresql_where=text("over_on IS NOT NULL")),
)

terms = Table(
    "terms",
    metadata,
    Column("permit_id", Uuid, ForeignKey("permits.permit_id"), primary_key=True),
    Column("first_day", Date, primary_key=True),
    Column("last_day", Date, nullable=False),
    Column("noted", Boolean, nullable=False, server_default=text("false")),  # its end was acted on
    # The reminder that was last looked at, in days ahead; at first, and to be looked at anew, more than any.
    Column("looked_ahead", SmallInteger, nullable=False, server_default=text("32767")),
    CheckConstraint("first_day <= last_day", name="terms_in_order"),
    ExcludeConstraint(
        ("permit_id", "="), (text("daterange(first_day, last_day, '[]')"), "&&"), name="terms_apart", using="gist"
    ),
    Index("terms_to_note", "last_day", postgresql_where=text("NOT noted")),
    Index("terms_to_look_at", "last_day", "looked_ahead"),
)

plate_assignments = Table(
    "plate_assignments",
    metadata,
    Column("permit_id", Uuid, ForeignKey("permits.permit_id"), primary_key=True),
    Column("assigned_at", DateTime(timezone=True), primary_key=True, server_default=func.clock_timestamp()),
    Column("raw", Text, nullable=False),
    Column("normalised", Text, nullable=False),
    Column("country", String(2), nullable=False),
    Column("plate_key", Uuid, nullable=False),
    Column("during", TSTZRANGE, nullable=False),
    _moment("replaced_at", nullable=True),  # by another plate
    ExcludeConstraint(("plate_key", "="), ("during", "&&"), name="plate_in_use", using="gist"),
    Index("plates_replaced", "replaced_at", postgresql_where=text("replaced_at IS NOT NULL")),
)

payments = Table(
    "payments",
    metadata,
    Column("payment_reference", Text),
    Column("permit_id", Uuid, ForeignKey("permits.permit_id"), nullable=False),
    Column("amount_cents", Integer, nullable=False),
    _recorded_at(),
    PrimaryKeyConstraint("payment_reference", name="payment_already_confirmed"),
    Index("payments_by_permit", "permit_id"),
)

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
    _recorded_at(),
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
    _recorded_at(),
    Index("refused_messages_by_age", "recorded_at"),
)

consent_decisions = Table(
    "consent_decisions",
    metadata,
    Column("resident_id", Text, ForeignKey("residents.resident_id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("choice", Text, nullable=False),
    Column("providers", ARRAY(Text), nullable=False),
    Column("text_version", Text, nullable=False),
    Column("text_sha256", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("job_id", Uuid, nullable=False),
    _moment("decided_at"),
    _recorded_at(),
    CheckConstraint("choice IN ('allow', 'refuse')", name="consent_choice"),
)

shares = Table(
    "shares",
    metadata,
    Column("permit_id", Uuid, primary_key=True),  # of no permit, where a provider holds what no one knows
    Column("provider", Text, primary_key=True),
    Column("reference", Uuid, nullable=False, server_default=func.gen_random_uuid()),
    Column("wanted_version", BigInteger, nullable=False),
    Column("confirmed_version", BigInteger, nullable=False),
    Column("confirmed_hash", LargeBinary),
    Column("holds", Boolean),
    _moment("confirmed_at", nullable=True),
    Column("urgency", SmallInteger, nullable=False),
    _moment("due_at"),
    Column("lease_id", Uuid),
    _moment("lease_until", nullable=True),
    Column("claimed_version", BigInteger, nullable=False),
    Column("claimed_hash", LargeBinary),
    Column("claimed_by", Uuid),
    Column("requests", Integer, nullable=False, server_default=text("0")),
    Column("operation", Text),
    _moment("operation_until", nullable=True),
    _moment("unsettled_until", nullable=True),
    Column("failures", Integer, nullable=False),
    _moment("failing_since", nullable=True),
    _moment("failed_at", nullable=True),
    Column("parked", Text),
    UniqueConstraint("reference", name="shares_reference_key"),
    Index(
        "shares_due",
        "provider",
        "urgency",
        "due_at",
        postgresql_where=text("confirmed_version < wanted_version"),
    ),
    Index("shares_parked", "provider", postgresql_where=text("parked IS NOT NULL")),
)

disclosures = Table(
    "disclosures",
    metadata,
    Column("disclosure_id", Uuid, primary_key=True),
    Column("permit_id", Uuid, nullable=False),
    Column("provider", Text, nullable=False),
    Column("fields_hash", LargeBinary, nullable=False),
    Column("consent_version", Integer),
    _recorded_at(),
    Index("disclosures_by_permit", "permit_id"),
)

disclosure_outcomes = Table(
    "disclosure_outcomes",
    metadata,
    Column("disclosure_id", Uuid, ForeignKey("disclosures.disclosure_id"), primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("code", Text),
    _recorded_at(),
)

events = Table(
    "events",
    metadata,
    Column("resident_id", Text, ForeignKey("residents.resident_id"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("event_id", Uuid, nullable=False, server_default=func.gen_random_uuid()),
    Column("type", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    _recorded_at(),
)

reminders = Table(
    "reminders",
    metadata,
    Column("reminder_id", Uuid, primary_key=True, server_default=func.gen_random_uuid()),
    Column("token", Uuid, nullable=False, server_default=func.gen_random_uuid()),  # whoever shows it wants no more
    Column("permit_id", Uuid, ForeignKey("permits.permit_id"), nullable=False),
    Column("occasion", Text, nullable=False),
    Column("day", Date, nullable=False),  # the last day of a term, or to pay
    Column("days_ahead", SmallInteger, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("state", Text, nullable=False, server_default=text("'due'")),
    Column("code", Text),  # why it was dropped or refused, or why it is not sent yet
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.now()),  # of a claimed one: again
    Column("lease_id", Uuid),
    Column("failures", SmallInteger, nullable=False, server_default=text("0")),  # that surely sent nothing
    Column("doubts", SmallInteger, nullable=False, server_default=text("0")),  # attempts that may have sent it
    _moment("settled_at", nullable=True),
    UniqueConstraint("permit_id", "occasion", "day", "days_ahead", name="reminders_decided_once"),
    UniqueConstraint("token", name="reminders_token_key"),
    CheckConstraint("occasion IN ('expiry', 'payment')", name="reminders_occasion"),
    CheckConstraint("state IN ('due', 'sent', 'dropped', 'refused', 'unclear')", name="reminders_state"),
    Index("reminders_due", "due_at", postgresql_where=text("state = 'due'")),
    Index("reminders_undelivered", "settled_at", postgresql_where=text("state IN ('refused', 'unclear')")),
    Index("reminders_by_day", "day"),
)

channels = Table(
    "channels",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("problem", Text),  # why nothing can be sent
    _moment("since"),
)

providers = Table(
    "providers",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("breaker", Text, nullable=False, server_default=text("'closed'")),
    _moment("probe_at", nullable=True),
    _moment("opened_at", nullable=True),
    _moment("releases_before", nullable=True),  # what failed before is being made due, as the breaker has closed
    _moment("held_until", nullable=True),  # the provider asked for a pause
    _moment("paused_at", nullable=True),  # an operator did
    Column("unconfigured", Text),  # which of its settings is missing or wrong
    Column("sequence", BigInteger, nullable=False, server_default=text("0")),  # of its last event
    CheckConstraint("breaker IN ('closed', 'open', 'half_open')", name="providers_breaker"),
)

provider_events = Table(
    "provider_events",
    metadata,
    Column("provider", Text, ForeignKey("providers.provider"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("event_id", Uuid, nullable=False, server_default=func.gen_random_uuid()),
    Column("type", Text, nullable=False),
    _recorded_at(),
    Column("published", Boolean, nullable=False, server_default=text("false")),
    Index("provider_events_unpublished", "provider", "sequence", postgresql_where=text("NOT published")),
)

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("reconciliation_id", Uuid, primary_key=True, server_default=func.gen_random_uuid()),
    Column("provider", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _moment("started_at", nullable=True),
    _moment("read_at", nullable=True),  # all pages are read
    _moment("finished_at", nullable=True),
    Column("lease_id", Uuid),
    _moment("lease_until", nullable=True),
    Column("cursor", Text),  # of the next page
    Column("looked_at", Uuid),  # the last permit whose share was looked for among the copies
    Column("shared_up_to", Uuid),  # the last permit that was made sure to have a share
    Column("expected", BigInteger),  # how many copies there should be
    Column("pages", Integer, nullable=False, server_default=text("0")),
    Column("copies", BigInteger, nullable=False, server_default=text("0")),
    Column("differing", BigInteger, nullable=False, server_default=text("0")),
    Column("missing", BigInteger, nullable=False, server_default=text("0")),
    Column("orphans", BigInteger, nullable=False, server_default=text("0")),
    Column("foreign_copies", BigInteger, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),  # in a row
    Column("code", Text),  # of the last failure
    Index("one_reconciliation_at_a_time", "provider", unique=True, postgresql_where=text("finished_at IS NULL")),
)

reconciled_copies = Table(
    "reconciled_copies",
    metadata,
    Column("reconciliation_id", Uuid, ForeignKey("reconciliations.reconciliation_id"), primary_key=True),
    Column("reference", Uuid, primary_key=True),
)
