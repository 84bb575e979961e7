"""Until when a stray put may be applied: a stray removal brings nothing back.

What is astray while this runs is of unknown kind, so it counts as a put.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE shares ADD COLUMN stray_put_until timestamptz")
    op.execute("UPDATE shares SET stray_put_until = unsettled_until WHERE unsettled_until IS NOT NULL")


def downgrade() -> None:
    """Drop it."""
    op.execute("ALTER TABLE shares DROP COLUMN stray_put_until")
