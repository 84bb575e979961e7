"""The texts of consent, which an allowance has to be one of."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE consent_texts (
    sha256 text PRIMARY KEY,
    version text NOT NULL,
    language text NOT NULL,
    choice text NOT NULL CONSTRAINT consent_texts_choice CHECK (choice IN ('allow', 'refuse')),
    words text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT consent_texts_sha256 CHECK (sha256 = encode(sha256(convert_to(words, 'UTF8')), 'hex'))
);
GRANT SELECT ON consent_texts TO permit_hub_worker;
"""


def upgrade() -> None:
    """Add the table; only its owner writes it."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop it: every text counts again."""
    op.execute("DROP TABLE consent_texts")
