"""What a provider keeps although it refused a change: whose right it is, on which plate, as a keyed hash."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the subjects of what is held, and of what is under way."""
    op.execute("ALTER TABLE shares ADD COLUMN claimed_subject bytea, ADD COLUMN held_subject bytea")


def downgrade() -> None:
    """Forget them."""
    op.execute("ALTER TABLE shares DROP COLUMN claimed_subject, DROP COLUMN held_subject")
