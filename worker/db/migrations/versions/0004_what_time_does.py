"""What is found when its day has come: terms that are over, what was not paid, and whether the clock ticks."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE terms ADD COLUMN noted boolean NOT NULL DEFAULT false;
CREATE INDEX terms_to_note ON terms (last_day) WHERE NOT noted;
CREATE TABLE ticks (
    task text PRIMARY KEY,
    seconds double precision NOT NULL,
    tick bigint NOT NULL,
    ticked_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON ticks TO permit_hub_worker;
CREATE INDEX permits_unpaid ON permits ((pending ->> 'pay_by')) WHERE pending ->> 'pay_by' IS NOT NULL;
"""

DOWN = """
DROP INDEX permits_unpaid;
DROP TABLE ticks;
DROP INDEX terms_to_note;
ALTER TABLE terms DROP COLUMN noted;
"""


def upgrade() -> None:
    """Note of each term whether its end was acted on, and of each tick that it was; find by an index what is due."""
    op.execute(UP)


def downgrade() -> None:
    """Forget it."""
    op.execute(DOWN)
