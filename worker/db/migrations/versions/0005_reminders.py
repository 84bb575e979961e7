"""Reminders: what was decided to be sent, how far it got, whom residents allow to reach them, and how."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE residents
    ADD COLUMN reminders text NOT NULL DEFAULT 'email',
    ADD COLUMN email_refused_at timestamptz;
CREATE TABLE reminders (
    reminder_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    token uuid NOT NULL DEFAULT gen_random_uuid(),
    permit_id uuid NOT NULL REFERENCES permits,
    occasion text NOT NULL,
    day date NOT NULL,
    days_ahead smallint NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'due',
    code text,
    due_at timestamptz NOT NULL DEFAULT now(),
    lease_id uuid,
    failures smallint NOT NULL DEFAULT 0,
    doubts smallint NOT NULL DEFAULT 0,
    settled_at timestamptz,
    CONSTRAINT reminders_decided_once UNIQUE (permit_id, occasion, day, days_ahead),
    CONSTRAINT reminders_token_key UNIQUE (token),
    CONSTRAINT reminders_occasion CHECK (occasion IN ('expiry', 'payment')),
    CONSTRAINT reminders_state CHECK (state IN ('due', 'sent', 'dropped', 'refused', 'unreachable', 'unclear'))
);
CREATE INDEX reminders_due ON reminders (due_at) WHERE state = 'due';
CREATE INDEX reminders_undelivered ON reminders (settled_at) WHERE state IN ('refused', 'unreachable', 'unclear');
ALTER TABLE terms ADD COLUMN looked_ahead smallint NOT NULL DEFAULT 32767;
CREATE INDEX terms_to_look_at ON terms (last_day, looked_ahead);
CREATE TABLE channels (
    channel text PRIMARY KEY,
    problem text,
    since timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON reminders, channels TO permit_hub_worker;
"""

DOWN = """
DROP TABLE channels;
DROP INDEX terms_to_look_at;
ALTER TABLE terms DROP COLUMN looked_ahead;
DROP TABLE reminders;
ALTER TABLE residents DROP COLUMN email_refused_at, DROP COLUMN reminders;
"""


def upgrade() -> None:
    """Add the ledger of reminders, and the state of channels; residents want reminders until they say otherwise."""
    op.execute(UP)


def downgrade() -> None:
    """Forget it."""
    op.execute(DOWN)
