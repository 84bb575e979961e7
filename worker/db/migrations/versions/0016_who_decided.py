"""Which agent decided a request, for auditors."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE agent_decisions (
    job_id uuid PRIMARY KEY,
    permit_id uuid NOT NULL REFERENCES permits,
    decision text NOT NULL CONSTRAINT agent_decisions_decision CHECK (decision IN ('approve', 'reject')),
    decided_by text NOT NULL,
    source text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX agent_decisions_by_age ON agent_decisions (recorded_at);
GRANT SELECT, INSERT ON agent_decisions TO permit_hub_worker;
"""


def upgrade() -> None:
    """Add the ledger."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE agent_decisions")
