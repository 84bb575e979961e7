"""A role of its own for the providers' lanes; only the owner can say when a ledger's row was written."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

LEDGERS = (
    "agent_decisions",
    "consent_decisions",
    "disclosures",
    "disclosure_outcomes",
    "events",
    "jobs",
    "payments",
    "provider_events",
    "refused_messages",
    "replayed",
)
OF_LANES = ("disclosures", "disclosure_outcomes", "events", "provider_events")
ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'permit_hub_lane') THEN
        CREATE ROLE permit_hub_lane LOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT USAGE ON SCHEMA public TO permit_hub_lane;
GRANT SELECT ON consent_decisions, disclosures, disclosure_outcomes, events, hub_state, permits, plate_assignments,
    provider_events, providers, reconciliations, residents, shares, terms TO permit_hub_lane;
GRANT UPDATE ON hub_state, shares TO permit_hub_lane;
GRANT UPDATE (version, published_version) ON residents TO permit_hub_lane;
GRANT UPDATE (published) ON provider_events TO permit_hub_lane;
GRANT INSERT, UPDATE ON providers, reconciliations TO permit_hub_lane;
"""
MOMENTS = """
ALTER TABLE disclosures ALTER COLUMN recorded_at SET DEFAULT statement_timestamp();
ALTER TABLE disclosure_outcomes ALTER COLUMN recorded_at SET DEFAULT statement_timestamp();
"""
# Of each ledger, all columns but the moment.
APPEND = """
DO $$ BEGIN
    EXECUTE (
        SELECT format('REVOKE INSERT ON {table} FROM {role}; GRANT INSERT (%s) ON {table} TO {role}',
            string_agg(quote_ident(column_name), ', '))
        FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name = '{table}' AND column_name <> 'recorded_at'
    );
END $$
"""


def upgrade() -> None:
    """Grant what each role needs."""
    op.execute(ROLE)
    op.execute(MOMENTS)
    for role, ledgers in (("permit_hub_worker", LEDGERS), ("permit_hub_lane", OF_LANES)):
        for table in ledgers:
            op.execute(APPEND.format(table=table, role=role))


def downgrade() -> None:
    """Grant as before; the role stays, since other databases may use it."""
    op.execute(MOMENTS.replace("statement_timestamp()", "now()"))
    for table in LEDGERS:
        op.execute(f"GRANT INSERT ON {table} TO permit_hub_worker")
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM permit_hub_lane")
    op.execute("REVOKE USAGE ON SCHEMA public FROM permit_hub_lane")
