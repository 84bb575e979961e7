"""A plate that was typed without its division meets every plate that it may be.

The last byte of a key is the division where one counts (`worker.domain.plates.plate_key`); 0 there is any of them.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

DROP = "ALTER TABLE plate_assignments DROP CONSTRAINT plate_in_use"


def upgrade() -> None:
    """Compare divisions apart from the rest of the key."""
    op.execute(DROP)
    op.execute("""
        ALTER TABLE plate_assignments ADD CONSTRAINT plate_in_use EXCLUDE USING gist (
            CAST(encode(set_byte(uuid_send(plate_key), 15, 0), 'hex') AS uuid) WITH =,
            int4range(
                get_byte(uuid_send(plate_key), 15),
                CASE get_byte(uuid_send(plate_key), 15) WHEN 0 THEN 255 ELSE get_byte(uuid_send(plate_key), 15) END,
                '[]'
            ) WITH &&,
            during WITH &&
        )
    """)
    # The expressions are of a keyed hash: what was erased must not stay readable in their statistics.
    op.execute("ALTER INDEX plate_in_use ALTER COLUMN 1 SET STATISTICS 0")
    op.execute("ALTER INDEX plate_in_use ALTER COLUMN 2 SET STATISTICS 0")


def downgrade() -> None:
    """Compare keys as a whole."""
    op.execute(DROP)
    op.execute("""
        ALTER TABLE plate_assignments
            ADD CONSTRAINT plate_in_use EXCLUDE USING gist (plate_key WITH =, during WITH &&)
    """)
