"""What was verified names what it was, and changes of a permit can be under review.

The flags of before named nothing: they are dropped, and requests under review say what they leave in doubt.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UPGRADE = """
UPDATE permits SET pending = pending || jsonb_build_object('review', jsonb_build_object(
    'since', requested_on,
    'doubts', jsonb_build_array(
        jsonb_build_object('about', 'residence', 'fault', 'unverified'),
        jsonb_build_object('about', 'vehicle', 'fault', 'unverified'))))
WHERE status = 'submitted';
UPDATE permits SET verified = NULL WHERE verified IS NOT NULL;
DROP INDEX permits_under_review;
CREATE INDEX permits_under_review ON permits ((pending -> 'review' ->> 'since'))
    WHERE pending -> 'review' ->> 'since' IS NOT NULL;
ALTER INDEX permits_under_review ALTER COLUMN 1 SET STATISTICS 0;
"""
DOWNGRADE = """
DROP INDEX permits_under_review;
UPDATE permits SET pending = CASE status WHEN 'submitted' THEN pending - 'review' END
    WHERE pending -> 'review' ->> 'since' IS NOT NULL;
UPDATE permits SET verified = NULL WHERE verified IS NOT NULL;
CREATE INDEX permits_under_review ON permits (requested_on) WHERE status = 'submitted';
"""


def upgrade() -> None:
    """Forget the flags, and have requests and changes under review in one index."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Forget what was verified, and drop the changes under review: permits stay as they are."""
    op.execute(DOWNGRADE)
