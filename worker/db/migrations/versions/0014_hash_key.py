"""The fingerprint of the key that keys hashes; the first process that connects sets it."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE hub_state ADD COLUMN hash_key_fingerprint text")


def downgrade() -> None:
    """Drop it."""
    op.execute("ALTER TABLE hub_state DROP COLUMN hash_key_fingerprint")
