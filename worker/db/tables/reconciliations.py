"""Reconciliations: how far each has come, and the copies that it has seen."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, Index, Integer, Table, Text, Uuid, func, text

from worker.db.tables.columns import metadata, moment, opaque, personal

reconciliations = Table(
    "reconciliations",
    metadata,
    opaque("reconciliation_id", Uuid, primary_key=True, server_default=func.gen_random_uuid()),
    opaque("provider", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    moment("started_at", nullable=True),
    moment("read_at", nullable=True),  # all pages are read
    moment("finished_at", nullable=True),
    opaque("lease_id", Uuid),
    moment("lease_until", nullable=True),
    personal("cursor", Text),  # of the next page
    opaque("position", Uuid),  # the last permit whose share was looked for among the copies
    opaque("shared_up_to", Uuid),  # the last permit that was made sure to have a share
    Column("expected", BigInteger),  # how many copies there should be
    Column("pages", Integer, nullable=False, server_default=text("0")),
    Column("copies", BigInteger, nullable=False, server_default=text("0")),
    Column("differing", BigInteger, nullable=False, server_default=text("0")),
    Column("missing", BigInteger, nullable=False, server_default=text("0")),
    Column("orphans", BigInteger, nullable=False, server_default=text("0")),
    Column("foreign_copies", BigInteger, nullable=False, server_default=text("0")),
    Column("repeated", BigInteger, nullable=False, server_default=text("0")),  # copies that were listed before
    Column("failures", Integer, nullable=False, server_default=text("0")),  # in a row
    opaque("code", Text),  # of the last failure
    Index("one_reconciliation_at_a_time", "provider", unique=True, postgresql_where=text("finished_at IS NULL")),
)

reconciled_copies = Table(
    "reconciled_copies",
    metadata,
    opaque("reconciliation_id", Uuid, ForeignKey("reconciliations.reconciliation_id"), primary_key=True),
    opaque("reference", Uuid, primary_key=True),
    Column("orphan", Boolean, nullable=False, server_default=text("false")),  # the hub never made it
    Index("reconciled_orphans", "reconciliation_id", postgresql_where=text("orphan")),
)
