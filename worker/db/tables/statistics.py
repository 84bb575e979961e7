"""Which columns PostgreSQL may sample: every column is in one of the two lists, and a test looks for one that is not.

The statistics keep samples, common values and bounds of a column until the next ANALYZE: what was erased from the rows
stays readable there. So personal columns have none, even if a query plan would gain by them.

Personal is what tells of a person, keyed hashes of it too (their rows go, and with the key every plate can be tried),
JSON, secrets, and texts that upstream, a message or a provider has written. Not personal are opaque ids, states, days,
moments and counters.
"""

PERSONAL = {
    "channels": "problem",
    "disclosures": "fields_hash",
    "events": "data",
    "jobs": "digest receipt",
    "payments": "payment_reference",
    "permits": "address ban_id pending reason verified zones",
    "plate_assignments": "country normalised plate_key raw",
    "providers": "store unconfigured",
    "reconciliations": "cursor",
    "refused_messages": "field kind queue",
    "reminders": "token",
    "residents": "email language name",
    "shares": "claimed_hash claimed_subject confirmed_hash held_subject operation",
    "walks": "position",
}

SAMPLED = {
    "channels": "channel since",
    "consent_decisions": "choice decided_at job_id providers recorded_at resident_id source text_sha256 text_version"
    " version",
    "disclosure_outcomes": "code disclosure_id outcome recorded_at",
    "disclosures": "consent_version disclosure_id permit_id provider recorded_at",
    "events": "event_id recorded_at resident_id sequence type",
    "file_rewrite": "asked_at problem redis_run_id singleton",
    "hub_state": "cleared_epoch epoch redis_run_id singleton",
    "jobs": "code job_id kind outcome recorded_at resident_id source",
    "leftovers": "being_rewritten leftover_id noted_at resident_id",
    "payments": "amount_cents permit_id recorded_at",
    "permits": "over_on permit_id profile requested_on resident_id status",
    "plate_assignments": "assigned_at during permit_id replaced_at",
    "provider_events": "event_id provider published recorded_at sequence type",
    "providers": "breaker held_until opened_at paused_at probe_at provider releases_before replaced_at sequence",
    "reconciled_copies": "orphan reconciliation_id reference",
    "reconciliations": "code copies differing dry_run expected failures finished_at foreign_copies lease_id"
    " lease_until position missing orphans pages provider read_at reconciliation_id repeated requested_at"
    " shared_up_to started_at",
    "refused_messages": "code job_id recorded_at refused_message_id size task_id",
    "reminders": "code day days_ahead decided_at maybe_sent due_at failures lease_id occasion permit_id reminder_id"
    " settled_at state",
    "residents": "contact_at email_refused_at erased_at published_version reminders resident_id version",
    "shares": "claimed_by claimed_version confirmed_at confirmed_version due_at failed_at failing_since failures holds"
    " lease_id lease_until operation_until parked permit_id provider reference requests stray_put_until"
    " unsettled_until urgency wanted_version",
    "terms": "first_day last_day decided_ahead end_applied permit_id",
    "ticks": "seconds task tick ticked_at",
    "walks": "walk",
}

SAMPLED_EXPRESSIONS = ("terms_apart",)  # indexes of an expression over columns that may be sampled
