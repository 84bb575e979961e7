"""The tables, as the migrations leave them; a test compares the two."""

from worker.db.tables.columns import metadata
from worker.db.tables.hub import file_rewrite, hub_state, leftovers, replayed, ticks, unjournaled, walks
from worker.db.tables.jobs import jobs, refused_messages
from worker.db.tables.permits import agent_decisions, payments, permits, plate_assignments, terms
from worker.db.tables.providers import provider_events, providers
from worker.db.tables.reconciliations import reconciled_copies, reconciliations
from worker.db.tables.reminders import channels, reminders
from worker.db.tables.residents import consent_decisions, consent_texts, events, residents
from worker.db.tables.shares import disclosure_outcomes, disclosures, shares

__all__ = [
    "agent_decisions",
    "channels",
    "consent_decisions",
    "consent_texts",
    "disclosure_outcomes",
    "disclosures",
    "events",
    "file_rewrite",
    "hub_state",
    "jobs",
    "leftovers",
    "metadata",
    "payments",
    "permits",
    "plate_assignments",
    "provider_events",
    "providers",
    "reconciled_copies",
    "reconciliations",
    "refused_messages",
    "reminders",
    "replayed",
    "residents",
    "shares",
    "terms",
    "ticks",
    "unjournaled",
    "walks",
]
