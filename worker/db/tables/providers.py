"""Providers: breaker, hold, pause, and the events about them."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Table, Text, Uuid, func, text

from worker.db.tables.columns import metadata, moment, opaque, personal, recorded_at

providers = Table(
    "providers",
    metadata,
    opaque("provider", Text, primary_key=True),
    opaque("breaker", Text, nullable=False, server_default=text("'closed'")),
    moment("probe_at", nullable=True),
    moment("opened_at", nullable=True),
    moment("releases_before", nullable=True),  # the breaker has closed: what failed before this is being made due
    moment("held_until", nullable=True),  # the provider asked for a pause
    moment("paused_at", nullable=True),  # an operator did
    personal("store", Text),  # of its copies, if the provider names it
    moment("replaced_at", nullable=True),  # when `store` last changed
    personal("unconfigured", Text),  # which of its settings is missing or wrong
    Column("sequence", BigInteger, nullable=False, server_default=text("0")),  # of its last event
    CheckConstraint("breaker IN ('closed', 'open', 'half_open')", name="providers_breaker"),
)

provider_events = Table(
    "provider_events",
    metadata,
    opaque("provider", Text, ForeignKey("providers.provider"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    opaque("event_id", Uuid, nullable=False, server_default=func.gen_random_uuid()),
    opaque("type", Text, nullable=False),
    recorded_at(),
    Column("published", Boolean, nullable=False, server_default=text("false")),
    Index("provider_events_unpublished", "provider", "sequence", postgresql_where=text("NOT published")),
)
