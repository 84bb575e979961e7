"""Operations under way, dead letters, breakers and reconciliation."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE shares
    DROP CONSTRAINT shares_permit_id_fkey,
    ADD COLUMN claimed_by uuid,
    ADD COLUMN requests integer NOT NULL DEFAULT 0,
    ADD COLUMN operation text,
    ADD COLUMN operation_until timestamptz,
    ADD COLUMN failing_since timestamptz,
    ADD COLUMN failed_at timestamptz;
DROP INDEX shares_due;
CREATE INDEX shares_due ON shares (provider, urgency, due_at) WHERE confirmed_version < wanted_version;

CREATE TABLE providers (
    provider text PRIMARY KEY,
    breaker text NOT NULL DEFAULT 'closed' CONSTRAINT providers_breaker CHECK (
        breaker IN ('closed', 'open', 'half_open')),
    probe_at timestamptz,
    opened_at timestamptz,
    releases_before timestamptz,
    held_until timestamptz,
    paused_at timestamptz,
    unconfigured text,
    sequence bigint NOT NULL DEFAULT 0
);

CREATE TABLE provider_events (
    provider text NOT NULL REFERENCES providers,
    sequence bigint NOT NULL,
    event_id uuid NOT NULL DEFAULT gen_random_uuid(),
    type text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    published boolean NOT NULL DEFAULT false,
    PRIMARY KEY (provider, sequence)
);
CREATE INDEX provider_events_unpublished ON provider_events (provider, sequence) WHERE NOT published;

CREATE TABLE reconciliations (
    reconciliation_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    provider text NOT NULL,
    dry_run boolean NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    read_at timestamptz,
    finished_at timestamptz,
    lease_id uuid,
    lease_until timestamptz,
    cursor text,
    looked_at uuid,
    shared_up_to uuid,
    expected bigint,
    pages integer NOT NULL DEFAULT 0,
    copies bigint NOT NULL DEFAULT 0,
    differing bigint NOT NULL DEFAULT 0,
    missing bigint NOT NULL DEFAULT 0,
    orphans bigint NOT NULL DEFAULT 0,
    foreign_copies bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    code text
);
CREATE UNIQUE INDEX one_reconciliation_at_a_time ON reconciliations (provider) WHERE finished_at IS NULL;

CREATE TABLE reconciled_copies (
    reconciliation_id uuid NOT NULL REFERENCES reconciliations,
    reference uuid NOT NULL,
    PRIMARY KEY (reconciliation_id, reference)
);

GRANT SELECT, INSERT, UPDATE ON providers, reconciliations TO permit_hub_worker;
GRANT SELECT, INSERT, DELETE ON reconciled_copies TO permit_hub_worker;
GRANT SELECT, INSERT, UPDATE (published) ON provider_events TO permit_hub_worker;
"""

DOWN = """
DROP TABLE reconciled_copies, reconciliations, provider_events, providers;
DROP INDEX shares_due;
CREATE INDEX shares_due ON shares (provider, urgency, due_at)
    WHERE confirmed_version < wanted_version AND parked IS NULL;
DELETE FROM shares WHERE permit_id NOT IN (SELECT permit_id FROM permits);
ALTER TABLE shares
    ADD CONSTRAINT shares_permit_id_fkey FOREIGN KEY (permit_id) REFERENCES permits,
    DROP COLUMN claimed_by,
    DROP COLUMN requests,
    DROP COLUMN operation,
    DROP COLUMN operation_until,
    DROP COLUMN failing_since,
    DROP COLUMN failed_at;
"""


def upgrade() -> None:
    """Let shares wait for operations, and keep what is known of providers as a whole."""
    op.execute(UP)


def downgrade() -> None:
    """Forget it; operations under way are then found out by sending again."""
    op.execute(DOWN)
