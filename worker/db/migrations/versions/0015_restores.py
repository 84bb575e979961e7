"""What tells that the database went back, and what to do about decisions that it does not know any more."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE hub_state
    ADD COLUMN mark bigint NOT NULL DEFAULT 0,
    ADD COLUMN place text,
    ADD COLUMN compared_at timestamptz,
    ADD COLUMN is_journaled boolean NOT NULL DEFAULT false,
    ADD COLUMN restored_at timestamptz,
    ADD COLUMN restored_sign text,
    ADD COLUMN lost_since timestamptz,
    ADD COLUMN replayed_at timestamptz;

CREATE TABLE unjournaled (
    job_id uuid PRIMARY KEY,
    kind text NOT NULL,
    job text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE replayed (
    job_id uuid PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE unjournaled ALTER COLUMN job SET STATISTICS 0;
GRANT SELECT, INSERT, UPDATE, DELETE ON unjournaled TO permit_hub_worker;
GRANT SELECT, INSERT ON replayed TO permit_hub_worker;
"""


def upgrade() -> None:
    """Add columns and tables."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE unjournaled, replayed")
    op.execute("""
        ALTER TABLE hub_state DROP COLUMN mark, DROP COLUMN place, DROP COLUMN compared_at, DROP COLUMN is_journaled,
            DROP COLUMN restored_at, DROP COLUMN restored_sign, DROP COLUMN lost_since, DROP COLUMN replayed_at
    """)
