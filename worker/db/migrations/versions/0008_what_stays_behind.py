"""What erased data leaves behind: no statistics of personal columns, and what is still to leave Redis' file.

PostgreSQL keeps a row of statistics when a column gets none from now on. Giving a column the type that it has drops
that row, rewrites no table, and makes indexes of expressions over it again.

`leftovers` has a row for each erasure or purge whose data may still be in Redis or in its append-only file, until a
rewrite of the file that began after it has ended. `file_rewrite` says how far the last one has come.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COLUMNS = {
    "channels": {"problem": "text"},
    "disclosures": {"fields_hash": "bytea"},
    "events": {"data": "jsonb"},
    "jobs": {"digest": "bytea", "receipt": "jsonb"},
    "payments": {"payment_reference": "text"},
    "permits": {
        "address": "text",
        "ban_id": "text",
        "pending": "jsonb",
        "reason": "text",
        "verified": "jsonb",
        "zones": "text[]",
    },
    "plate_assignments": {"country": "varchar(2)", "normalised": "text", "plate_key": "uuid", "raw": "text"},
    "providers": {"unconfigured": "text"},
    "reconciliations": {"cursor": "text"},
    "refused_messages": {"field": "text", "kind": "text", "queue": "text"},
    "reminders": {"token": "uuid"},
    "residents": {"email": "text", "language": "text", "name": "text"},
    "shares": {
        "claimed_hash": "bytea",
        "claimed_subject": "bytea",
        "confirmed_hash": "bytea",
        "held_subject": "bytea",
        "operation": "text",
    },
    "walks": {"looked_at": "text"},
}

TABLES = """
CREATE TABLE leftovers (
    leftover_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id text,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    being_rewritten boolean NOT NULL DEFAULT false
);
CREATE TABLE file_rewrite (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    redis_run_id text,
    asked_at timestamptz,
    problem text
);
INSERT INTO file_rewrite DEFAULT VALUES;
GRANT SELECT, INSERT, UPDATE, DELETE ON leftovers TO permit_hub_worker;
GRANT SELECT, UPDATE ON file_rewrite TO permit_hub_worker;
"""


def upgrade() -> None:
    """Drop the statistics of personal columns and keep none, and note what is to leave Redis' file."""
    for table, columns in COLUMNS.items():
        dropped = [f"ALTER COLUMN {name} TYPE {kind}" for name, kind in columns.items()]
        op.execute(f"ALTER TABLE {table} {', '.join(dropped)}")
        none = [f"ALTER COLUMN {name} SET STATISTICS 0" for name in columns]
        op.execute(f"ALTER TABLE {table} {', '.join(none)}")
    op.execute("ALTER INDEX permits_unpaid ALTER COLUMN 1 SET STATISTICS 0")
    op.execute(TABLES)


def downgrade() -> None:
    """Have the next ANALYZE sample them again, and forget what is to leave the file."""
    op.execute("DROP TABLE file_rewrite, leftovers")
    op.execute("ALTER INDEX permits_unpaid ALTER COLUMN 1 SET STATISTICS -1")
    for table, columns in COLUMNS.items():
        default = [f"ALTER COLUMN {name} SET STATISTICS -1" for name in columns]
        op.execute(f"ALTER TABLE {table} {', '.join(default)}")
