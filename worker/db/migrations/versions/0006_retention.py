"""What is kept no longer than its time: how it is found, and the only way to delete from a ledger.

Found by an index each: permits that are over (`permits_over`), plates that were replaced (`plates_replaced`), by their
age jobs, refused messages and how residents are reached (`…_by_age`), and reminders by the day that they are about
(`reminders_by_day`). Disclosures are looked through permit by permit, by the index that there is, and old contacts, as
most residents have a permit; `walks` keeps how far that has come.

What was closed is over on that day in the city: the session that migrates has its time zone.

Workers call functions of the owner's, which delete a bounded number of rows and refuse a moment too young.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE permits ADD COLUMN over_on date;
UPDATE permits p SET over_on = CASE p.status
    WHEN 'active' THEN (SELECT max(t.last_day) FROM terms t WHERE t.permit_id = p.permit_id)
    ELSE coalesce(
        (SELECT CAST(max(e.recorded_at) AS date) FROM events e
            WHERE e.resident_id = p.resident_id AND e.type IN ('permit.rejected', 'permit.cancelled')
                AND e.data -> 'permit_ids' @> to_jsonb(CAST(p.permit_id AS text))),
        least(current_date, greatest(
            p.requested_on, (SELECT max(t.last_day) FROM terms t WHERE t.permit_id = p.permit_id))))
    END
WHERE p.status NOT IN ('submitted', 'awaiting_payment')
    AND EXISTS (SELECT FROM plate_assignments a WHERE a.permit_id = p.permit_id);
CREATE INDEX permits_over ON permits (over_on, permit_id) WHERE over_on IS NOT NULL;

ALTER TABLE plate_assignments ADD COLUMN replaced_at timestamptz;
UPDATE plate_assignments a SET replaced_at = r.at FROM (
    SELECT a.permit_id, a.assigned_at, min(b.assigned_at) AS at
    FROM plate_assignments a JOIN plate_assignments b USING (permit_id)
    WHERE b.assigned_at > a.assigned_at AND (b.raw, b.country) <> (a.raw, a.country)
    GROUP BY a.permit_id, a.assigned_at
) r WHERE a.permit_id = r.permit_id AND a.assigned_at = r.assigned_at;
CREATE INDEX plates_replaced ON plate_assignments (replaced_at) WHERE replaced_at IS NOT NULL;

ALTER TABLE residents ADD COLUMN contact_at timestamptz;
UPDATE residents r SET contact_at = coalesce(
    (SELECT max(e.recorded_at) FROM events e
        WHERE e.resident_id = r.resident_id AND e.type = 'resident.contact_updated'), now())
WHERE coalesce(r.name, r.email, r.language) IS NOT NULL;
CREATE INDEX contacts_by_age ON residents (contact_at, resident_id) WHERE contact_at IS NOT NULL;

CREATE INDEX jobs_by_age ON jobs (recorded_at);
CREATE INDEX refused_messages_by_age ON refused_messages (recorded_at);
CREATE INDEX reminders_by_day ON reminders (day);

CREATE TABLE walks (
    walk text PRIMARY KEY,
    looked_at text
);
GRANT SELECT, INSERT, UPDATE ON walks TO permit_hub_worker;
"""

# Floors below what the settings allow, so that no arithmetic of months, time zones or clocks touches them.
REFUSE = """
    IF (before <= now() - interval '{floor}') IS NOT TRUE THEN
        RAISE EXCEPTION 'too young to be purged' USING ERRCODE = 'insufficient_privilege';
    END IF;
"""
DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
MOST = "least(most, 10000)"
PURGE = """
CREATE FUNCTION {name}(before timestamptz, most integer) RETURNS integer {definer} AS $$
DECLARE purged integer;
BEGIN
    {refuse}
    DELETE FROM public.{table} WHERE {key} = ANY(ARRAY(
        SELECT {key} FROM public.{table} WHERE {old} ORDER BY {age} LIMIT {most} FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS purged = ROW_COUNT;
    RETURN purged;
END $$;
"""
WINDOW = "13 months"  # as long as a reminder may matter after its day: one that was sent must not be sent anew
LEDGERS = (
    ("purge_jobs", "jobs", "job_id", "recorded_at", "recorded_at < before"),
    ("purge_refused_messages", "refused_messages", "refused_message_id", "recorded_at", "recorded_at < before"),
    (
        "purge_reminders",
        "reminders",
        "reminder_id",
        "day",
        # One that nobody could ever send is due still; while an attempt is under way, its due_at lies ahead.
        f"day < before - interval '{WINDOW}' AND coalesce(settled_at, due_at) < before",
    ),
)
# Looks through the disclosures of the next permits after one; `worker/db/clock/retention.py` has the rule.
PURGE_DISCLOSURES = """
CREATE FUNCTION purge_disclosures(
    before timestamptz, settle interval, after uuid, most integer, OUT looked_at uuid, OUT purged integer
) {definer} AS $$
DECLARE ids uuid[];
BEGIN
    {refuse}
    ids := ARRAY(SELECT d.permit_id FROM public.disclosures d WHERE d.permit_id > after
        ORDER BY d.permit_id LIMIT {most});
    looked_at := CASE WHEN cardinality(ids) = {most} THEN ids[cardinality(ids)] END;
    WITH told AS (
        SELECT d.disclosure_id, d.permit_id, d.provider, d.recorded_at, d.fields_hash = '' AS removal, w.*
        FROM public.disclosures d CROSS JOIN LATERAL (
            SELECT min(o.recorded_at) FILTER (WHERE o.outcome = 'confirmed') AS confirmed_at,
                coalesce(bool_or(o.outcome = 'not_sent'), false) AS never_left,
                coalesce(
                    max(o.recorded_at) FILTER (WHERE o.outcome = 'confirmed'),
                    CASE WHEN bool_or(o.outcome = 'rejected') THEN d.recorded_at END,
                    coalesce(max(o.recorded_at), d.recorded_at) + settle) AS settled_at
            FROM public.disclosure_outcomes o WHERE o.disclosure_id = d.disclosure_id
        ) w WHERE d.permit_id = ANY(ids)
    ), ordered AS (
        SELECT told.*,
            max(settled_at) FILTER (WHERE NOT removal AND NOT never_left) OVER earlier AS puts_settled_at,
            min(told.recorded_at) FILTER (WHERE NOT removal AND NOT never_left) OVER later AS next_put_at,
            row_number() OVER later AS from_last
        FROM told
        WINDOW earlier AS (PARTITION BY permit_id, provider ORDER BY told.recorded_at, disclosure_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
            later AS (PARTITION BY permit_id, provider ORDER BY told.recorded_at DESC, disclosure_id DESC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), ended AS (
        SELECT permit_id, provider, max(recorded_at) AS at FROM ordered
        WHERE removal AND NOT never_left AND confirmed_at < before AND recorded_at < before
            AND (puts_settled_at <= recorded_at) IS NOT FALSE AND (next_put_at > confirmed_at) IS NOT FALSE
        GROUP BY permit_id, provider
    ), gone AS (
        SELECT o.disclosure_id FROM ordered o LEFT JOIN ended e USING (permit_id, provider)
        WHERE o.recorded_at < before AND o.from_last > 1 AND (o.never_left OR o.recorded_at <= e.at)
    ), outcomes AS (
        DELETE FROM public.disclosure_outcomes o USING gone WHERE o.disclosure_id = gone.disclosure_id
    )
    SELECT array_agg(disclosure_id) INTO ids FROM gone;
    DELETE FROM public.disclosures WHERE disclosure_id = ANY(ids);
    GET DIAGNOSTICS purged = ROW_COUNT;
END $$;
"""
RIGHTS = """
REVOKE ALL ON FUNCTION {function} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {function} TO permit_hub_worker;
"""
DISCLOSURES = "purge_disclosures(timestamptz, interval, uuid, integer)"

DOWN = """
DROP TABLE walks;
DROP INDEX reminders_by_day, refused_messages_by_age, jobs_by_age, contacts_by_age, plates_replaced, permits_over;
ALTER TABLE residents DROP COLUMN contact_at;
ALTER TABLE plate_assignments DROP COLUMN replaced_at;
ALTER TABLE permits DROP COLUMN over_on;
"""


def upgrade() -> None:
    """Note when a permit was over and a plate replaced, and let workers purge what is old and nothing else."""
    op.execute(TABLES)
    refuse = REFUSE.format(floor="3 weeks")
    for name, table, key, age, old in LEDGERS:
        op.execute(
            PURGE.format(name=name, table=table, key=key, age=age, old=old, refuse=refuse, most=MOST, definer=DEFINER)
        )
    op.execute(PURGE_DISCLOSURES.format(refuse=REFUSE.format(floor="11 months"), most=MOST, definer=DEFINER))
    for function in (*(f"{name}(timestamptz, integer)" for name, *_ in LEDGERS), DISCLOSURES):
        op.execute(RIGHTS.format(function=function))


def downgrade() -> None:
    """Forget it; everything is kept."""
    for function in (DISCLOSURES, *(f"{name}(timestamptz, integer)" for name, *_ in LEDGERS)):
        op.execute(f"DROP FUNCTION {function}")
    op.execute(DOWN)
