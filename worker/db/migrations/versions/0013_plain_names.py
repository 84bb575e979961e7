"""Columns, an index and an event under the names that the rest of the hub has for them."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COLUMNS = (
    ("terms", "noted", "end_applied"),
    ("terms", "looked_ahead", "decided_ahead"),
    ("reminders", "doubts", "maybe_sent"),
    ("reconciliations", "looked_at", "position"),
    ("walks", "looked_at", "position"),
)
INDEXES = (("terms_to_note", "terms_ends_to_apply"), ("terms_to_look_at", "terms_reminders_to_decide"))
EVENT = ("permit.forgotten", "permit.anonymised")
RESULT = ("looked_at", "reached")
PURGE = "public.purge_disclosures(timestamptz, interval, uuid, integer)"


def upgrade() -> None:
    """Rename."""
    for table, old, new in COLUMNS:
        _rename_column(table, old, new)
    for old, new in INDEXES:
        op.execute(f"ALTER INDEX {old} RENAME TO {new}")
    _rename_event(*EVENT)
    _rename_result(*RESULT)


def downgrade() -> None:
    """Rename back."""
    _rename_result(*reversed(RESULT))
    _rename_event(*reversed(EVENT))
    for old, new in INDEXES:
        op.execute(f"ALTER INDEX {new} RENAME TO {old}")
    for table, old, new in COLUMNS:
        _rename_column(table, new, old)


def _rename_column(table: str, old: str, new: str) -> None:
    """Rename a column, and with PostgreSQL 18 and newer the constraint that it is not null."""
    op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    op.execute(f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_constraint
                       WHERE conrelid = '{table}'::regclass AND conname = '{table}_{old}_not_null') THEN
                ALTER TABLE {table} RENAME CONSTRAINT {table}_{old}_not_null TO {table}_{new}_not_null;
            END IF;
        END $$;
    """)


def _rename_event(old: str, new: str) -> None:
    op.execute(f"UPDATE events SET type = '{new}' WHERE type = '{old}'")


def _rename_result(old: str, new: str) -> None:
    """Make the function again: PostgreSQL renames no result of one."""
    op.execute(f"""
        DO $$ DECLARE made text := replace(pg_get_functiondef('{PURGE}'::regprocedure), '{old}', '{new}');
        BEGIN
            DROP FUNCTION {PURGE};
            EXECUTE made;
        END $$;
        REVOKE ALL ON FUNCTION {PURGE} FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION {PURGE} TO permit_hub_worker;
    """)
