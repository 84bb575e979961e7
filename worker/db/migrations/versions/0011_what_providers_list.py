"""The store of a provider's copies, so that another one is noticed; and which listed copies are orphans.

Orphans are noted beside the other copies of a reconciliation until the whole list is read. Copies that are listed again
are counted.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE providers ADD COLUMN store text, ADD COLUMN replaced_at timestamptz;
ALTER TABLE providers ALTER COLUMN store SET STATISTICS 0;
ALTER TABLE reconciliations ADD COLUMN repeated bigint NOT NULL DEFAULT 0;
ALTER TABLE reconciled_copies ADD COLUMN orphan boolean NOT NULL DEFAULT false;
CREATE INDEX reconciled_orphans ON reconciled_copies (reconciliation_id) WHERE orphan;
"""


def upgrade() -> None:
    """Add the columns."""
    op.execute(STATEMENTS)


def downgrade() -> None:
    """Drop them."""
    op.execute("""
        DROP INDEX reconciled_orphans;
        ALTER TABLE reconciled_copies DROP COLUMN orphan;
        ALTER TABLE reconciliations DROP COLUMN repeated;
        ALTER TABLE providers DROP COLUMN store, DROP COLUMN replaced_at;
    """)
