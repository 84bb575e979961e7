"""The hub itself: its epoch, and the state of its recurring work."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Identity,
    Table,
    Text,
    Uuid,
    func,
    text,
)

from worker.db.tables.columns import metadata, moment, opaque, personal, recorded_at

hub_state = Table(
    "hub_state",
    metadata,
    Column("singleton", Boolean, CheckConstraint("singleton"), primary_key=True, server_default=text("true")),
    Column("epoch", BigInteger, nullable=False, server_default=text("1")),
    opaque("redis_run_id", Text),
    Column("cleared_epoch", BigInteger, nullable=False, server_default=text("1")),
    opaque("hash_key_fingerprint", Text),
    opaque("next_hash_key_fingerprint", Text),  # plates are also hashed with this key, until it is the database's
    moment("hash_key_switched_at", nullable=True),  # to the key of now; NULL once all hashes are made with it
    Column("mark", BigInteger, nullable=False, server_default=text("0")),  # grows; Redis remembers it, too
    opaque("place", Text),  # where the database was when it was last compared with what is remembered outside of it
    moment("compared_at", nullable=True),
    Column("is_journaled", Boolean, nullable=False, server_default=text("false")),  # decisions are
    moment("restored_at", nullable=True),  # when it was found to have gone back; NULL: not, or released since
    opaque("restored_sign", Text),
    moment("lost_since", nullable=True),  # what was decided later may be lost
    moment("replayed_at", nullable=True),  # when the journal was last replayed since then
)

unjournaled = Table(
    "unjournaled",
    metadata,
    opaque("job_id", Uuid, primary_key=True),  # of a decision that is carried out, and that no journal has yet
    opaque("kind", Text, nullable=False),
    personal("job", Text, nullable=False),
    Column("noted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

replayed = Table(
    "replayed",
    metadata,
    opaque("job_id", Uuid, primary_key=True),  # of a decision that a restore lost, and a replay dealt with
    recorded_at(),
)

ticks = Table(
    "ticks",
    metadata,
    opaque("task", Text, primary_key=True),
    Column("seconds", Double, nullable=False),
    Column("tick", BigInteger, nullable=False),
    moment("ticked_at"),
)

walks = Table(
    "walks",
    metadata,
    opaque("walk", Text, primary_key=True),
    personal("position", Text),  # how far it has come, in a form of its own; NULL: it starts at the beginning
)

leftovers = Table(
    "leftovers",
    metadata,
    Column("leftover_id", BigInteger, Identity(always=True), primary_key=True),
    opaque("resident_id", Text),  # of an erasure
    Column("noted_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("being_rewritten", Boolean, nullable=False, server_default=text("false")),
)

file_rewrite = Table(
    "file_rewrite",
    metadata,
    Column("singleton", Boolean, CheckConstraint("singleton"), primary_key=True, server_default=text("true")),
    opaque("redis_run_id", Text),  # of the Redis process that was asked last
    moment("asked_at", nullable=True),  # when Redis last accepted the request, or refused it for good
    opaque("problem", Text),  # why Redis rewrites nothing
)
