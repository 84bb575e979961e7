"""All data about a resident, as one JSON document."""

import json

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import JSONB

from worker.domain.plate_looks import shown
from worker.domain.plates import Plate

_EXPORT = text("""
    SELECT jsonb_build_object(
        'resident_id', r.resident_id, 'name', r.name, 'email', r.email, 'language', r.language,
        'reminders', r.reminders, 'email_refused_at', r.email_refused_at,
        'permits', (SELECT coalesce(jsonb_agg(to_jsonb(p) - 'resident_id' || jsonb_build_object(
            'terms', (SELECT coalesce(jsonb_agg(to_jsonb(t) - 'permit_id' ORDER BY t.first_day), '[]')
                FROM terms t WHERE t.permit_id = p.permit_id),
            'plates', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'typed', a.raw, 'plate', a.normalised, 'country', a.country, 'assigned_at', a.assigned_at)
                    ORDER BY a.assigned_at), '[]')
                FROM plate_assignments a WHERE a.permit_id = p.permit_id),
            'payments', (SELECT coalesce(jsonb_agg(to_jsonb(y) - 'permit_id' ORDER BY y.recorded_at), '[]')
                FROM payments y WHERE y.permit_id = p.permit_id),
            'reminders', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'occasion', m.occasion, 'day', m.day, 'days_ahead', m.days_ahead, 'decided_at', m.decided_at,
                    'state', m.state, 'settled_at', m.settled_at) ORDER BY m.decided_at), '[]')
                FROM reminders m WHERE m.permit_id = p.permit_id),
            'disclosures', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'provider', d.provider, 'removal', d.fields_hash = '', 'consent_version', d.consent_version,
                    'recorded_at', d.recorded_at, 'outcomes', (
                        SELECT coalesce(jsonb_agg(jsonb_build_object(
                            'outcome', o.outcome, 'recorded_at', o.recorded_at) ORDER BY o.recorded_at), '[]')
                        FROM disclosure_outcomes o WHERE o.disclosure_id = d.disclosure_id))
                    ORDER BY d.recorded_at), '[]')
                FROM disclosures d WHERE d.permit_id = p.permit_id)
            )), '[]') FROM permits p WHERE p.resident_id = r.resident_id),
        'consent_decisions', (SELECT coalesce(jsonb_agg(to_jsonb(c) - 'resident_id' || jsonb_build_object(
                'text', (SELECT words FROM consent_texts x WHERE x.sha256 = c.text_sha256)) ORDER BY c.version), '[]')
            FROM consent_decisions c WHERE c.resident_id = r.resident_id),
        'events', (SELECT coalesce(jsonb_agg(to_jsonb(e) - 'resident_id' ORDER BY e.sequence), '[]')
            FROM events e WHERE e.resident_id = r.resident_id)
    ) AS document FROM residents r WHERE r.resident_id = :resident_id
""").columns(document=JSONB)


def export(db: Connection, resident_id: str) -> str:
    """Return the document; times are UTC."""
    document = db.execute(_EXPORT, {"resident_id": resident_id}).scalar_one()
    for permit in document["permits"]:
        for one in permit["plates"]:
            one["plate"] = shown(Plate(one["typed"], one["plate"], one["country"]))
    return json.dumps(document)
