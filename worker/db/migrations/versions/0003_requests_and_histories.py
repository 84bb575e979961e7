"""What an agent needs to decide on a request, and what a history is read by."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE permits ADD COLUMN verified jsonb;
CREATE INDEX permits_under_review ON permits (requested_on) WHERE status = 'submitted';
CREATE INDEX payments_by_permit ON payments (permit_id);
"""

DOWN = """
DROP INDEX payments_by_permit;
DROP INDEX permits_under_review;
ALTER TABLE permits DROP COLUMN verified;
"""


def upgrade() -> None:
    """Keep with a permit what upstream had verified; find requests under review, and payments, by an index."""
    op.execute(UP)


def downgrade() -> None:
    """Forget it."""
    op.execute(DOWN)
