"""Create the tables, their guards and the rights of the worker role."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE hub_state (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    epoch bigint NOT NULL DEFAULT 1,
    redis_run_id text,
    cleared_epoch bigint NOT NULL DEFAULT 1
);
INSERT INTO hub_state DEFAULT VALUES;

CREATE TABLE residents (
    resident_id text PRIMARY KEY,
    version bigint NOT NULL DEFAULT 0,
    published_version bigint NOT NULL DEFAULT 0,
    name text,
    email text,
    language text,
    erased_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX residents_unpublished ON residents (resident_id) WHERE published_version < version;

CREATE TABLE permits (
    permit_id uuid PRIMARY KEY,
    resident_id text NOT NULL REFERENCES residents,
    status text NOT NULL CONSTRAINT permits_status CHECK (status IN (
        'submitted', 'awaiting_payment', 'active', 'rejected', 'cancelled_by_resident', 'cancelled_unpaid', 'ended')),
    requested_on date NOT NULL,
    profile text NOT NULL,
    ban_id text NOT NULL,
    address text NOT NULL,
    zones text[] NOT NULL,
    pending jsonb,
    reason text
);
CREATE INDEX ix_permits_resident_id ON permits (resident_id);

CREATE TABLE terms (
    permit_id uuid NOT NULL REFERENCES permits,
    first_day date NOT NULL,
    last_day date NOT NULL,
    PRIMARY KEY (permit_id, first_day),
    CONSTRAINT terms_in_order CHECK (first_day <= last_day),
    CONSTRAINT terms_apart EXCLUDE USING gist (permit_id WITH =, daterange(first_day, last_day, '[]') WITH &&)
);

CREATE TABLE plate_assignments (
    permit_id uuid NOT NULL REFERENCES permits,
    assigned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    raw text NOT NULL,
    normalised text NOT NULL,
    country varchar(2) NOT NULL,
    plate_key uuid NOT NULL,
    during tstzrange NOT NULL,
    PRIMARY KEY (permit_id, assigned_at),
    CONSTRAINT plate_in_use EXCLUDE USING gist (plate_key WITH =, during WITH &&)
);

CREATE TABLE payments (
    payment_reference text CONSTRAINT payment_already_confirmed PRIMARY KEY,
    permit_id uuid NOT NULL REFERENCES permits,
    amount_cents integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE jobs (
    job_id uuid PRIMARY KEY,
    kind text NOT NULL,
    source text,
    resident_id text,
    outcome text NOT NULL,
    code text,
    digest bytea NOT NULL,
    receipt jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE refused_messages (
    refused_message_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id uuid,
    job_id uuid,
    kind text,
    queue text,
    code text NOT NULL,
    field text,
    size integer,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE consent_decisions (
    resident_id text NOT NULL REFERENCES residents,
    version integer NOT NULL,
    choice text NOT NULL CONSTRAINT consent_choice CHECK (choice IN ('allow', 'refuse')),
    providers text[] NOT NULL,
    text_version text NOT NULL,
    text_sha256 text NOT NULL,
    source text NOT NULL,
    job_id uuid NOT NULL,
    decided_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (resident_id, version)
);

CREATE TABLE shares (
    permit_id uuid NOT NULL REFERENCES permits,
    provider text NOT NULL,
    reference uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT shares_reference_key UNIQUE,
    wanted_version bigint NOT NULL,
    confirmed_version bigint NOT NULL,
    confirmed_hash bytea,
    holds boolean,
    confirmed_at timestamptz,
    urgency smallint NOT NULL,
    due_at timestamptz NOT NULL,
    lease_id uuid,
    lease_until timestamptz,
    claimed_version bigint NOT NULL,
    claimed_hash bytea,
    unsettled_until timestamptz,
    failures integer NOT NULL,
    parked text,
    PRIMARY KEY (permit_id, provider)
) WITH (fillfactor = 70);
CREATE INDEX shares_due ON shares (provider, urgency, due_at)
    WHERE confirmed_version < wanted_version AND parked IS NULL;
CREATE INDEX shares_parked ON shares (provider) WHERE parked IS NOT NULL;

CREATE TABLE disclosures (
    disclosure_id uuid PRIMARY KEY,
    permit_id uuid NOT NULL,
    provider text NOT NULL,
    fields_hash bytea NOT NULL,
    consent_version integer,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX disclosures_by_permit ON disclosures (permit_id);

CREATE TABLE disclosure_outcomes (
    disclosure_id uuid NOT NULL REFERENCES disclosures,
    outcome text NOT NULL,
    code text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (disclosure_id, outcome)
);

CREATE TABLE events (
    resident_id text NOT NULL REFERENCES residents,
    sequence bigint NOT NULL,
    event_id uuid NOT NULL DEFAULT gen_random_uuid(),
    type text NOT NULL,
    data jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (resident_id, sequence)
);
"""

RIGHTS = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'permit_hub_worker') THEN
        CREATE ROLE permit_hub_worker LOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT USAGE ON SCHEMA public TO permit_hub_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON residents, permits, terms, plate_assignments, shares TO permit_hub_worker;
GRANT SELECT, UPDATE ON hub_state TO permit_hub_worker;
GRANT SELECT, INSERT ON
    consent_decisions, disclosures, disclosure_outcomes, events, jobs, payments, refused_messages
    TO permit_hub_worker;
"""


def upgrade() -> None:
    """Create everything from nothing."""
    op.execute(TABLES)
    op.execute(RIGHTS)


def downgrade() -> None:
    """Drop everything but the role, which other databases may use."""
    op.execute(
        "DROP TABLE hub_state, residents, permits, terms, plate_assignments, payments, jobs, refused_messages,"
        " consent_decisions, shares, disclosures, disclosure_outcomes, events"
    )
    op.execute("REVOKE USAGE ON SCHEMA public FROM permit_hub_worker")
