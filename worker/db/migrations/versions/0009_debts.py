"""Every pending change has a name of its own for what is owed for it."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Name what is pending already."""
    op.execute("""
        UPDATE permits SET pending = pending || jsonb_build_object('debt_id', gen_random_uuid())
        WHERE pending IS NOT NULL
    """)


def downgrade() -> None:
    """Forget the names."""
    op.execute("UPDATE permits SET pending = pending - 'debt_id' WHERE pending IS NOT NULL")
