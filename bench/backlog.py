"""A backlog for the lanes: many permits, written straight into the tables, with shares that can be made due."""

from collections.abc import Sequence

from bench.ground import TEXT, Ground
from ops.shown.space import APPS

# Ids without an order, as residents' web apps give: the index on terms searches all its pages for ids in a row.
IDS = "SELECT md5('backlog-' || n)::uuid FROM generate_series(%(after)s::int + 1, %(last)s::int) n"
SEED = (
    """
    INSERT INTO residents (resident_id, version, published_version)
    SELECT 'backlog-' || n, 1, 1 FROM generate_series(%(known)s::int + 1, %(permits)s::int) n
    """,
    """
    INSERT INTO permits (permit_id, resident_id, status, requested_on, profile, ban_id, address, zones)
    SELECT md5('backlog-' || n)::uuid, 'backlog-' || n, 'active', current_date,
        'standard', '75114_1834_00010', '10 rue de l''Exemple, 75014 Paris', '{14A,14B}'
    FROM generate_series(%(known)s::int + 1, %(permits)s::int) n
    """,
    """
    INSERT INTO terms
    SELECT permit_id, current_date - 10, current_date + 300 FROM permits WHERE resident_id LIKE 'backlog-%%'
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO plate_assignments (permit_id, raw, normalised, country, plate_key, during)
    SELECT permit_id, upper(resident_id), replace(upper(resident_id), '-', ''), 'FR', gen_random_uuid(),
        tstzrange(now(), NULL)
    FROM permits WHERE resident_id LIKE 'backlog-%%' AND permit_id NOT IN (SELECT permit_id FROM plate_assignments)
    """,
    """
    INSERT INTO consent_decisions
        (resident_id, version, choice, providers, text_version, text_sha256, source, job_id, decided_at)
    SELECT 'backlog-' || n, 1, 'allow', %(providers)s::text[], %(text_version)s, %(text_sha256)s, 'bench',
        gen_random_uuid(), now()
    FROM generate_series(%(known)s::int + 1, %(permits)s::int) n
    """,
    """
    INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, confirmed_hash, holds, urgency, due_at,
        claimed_version, failures)
    SELECT permit_id, provider, 0, 0, '', false, 2, now(), 0, 0
    FROM permits, unnest(%(providers)s::text[]) provider WHERE resident_id LIKE 'backlog-%%'
    ON CONFLICT DO NOTHING
    """,
    "ANALYZE",
)
DUE = f"""
    UPDATE shares SET wanted_version = confirmed_version + 1, confirmed_hash = NULL, holds = NULL, urgency = 2,
        due_at = now()
    WHERE permit_id IN ({IDS}) AND confirmed_version >= wanted_version AND provider = ANY(%(providers)s)
"""

NOT_DUE = "UPDATE shares SET wanted_version = confirmed_version WHERE urgency = 2 AND lease_id IS NULL"


def fill(ground: Ground, permits: int) -> None:
    """Write permits until there are so many, with confirmed shares that hold nothing."""
    known = ground.scalar("SELECT count(*) FROM residents WHERE resident_id LIKE 'backlog-%'")
    if known < permits:
        parameters = {"known": known, "permits": permits, "providers": list(APPS)}
        parameters |= {"text_version": TEXT["version"], "text_sha256": TEXT["sha256"]}
        for statement in SEED:
            ground.database.execute(statement, parameters)


def make_due(ground: Ground, shares: int, providers: Sequence[str] = APPS, *, after: int = 0) -> int:
    """Make that many shares due, of the permits after a number; return how many were not yet due."""
    permits = shares // len(providers)
    fill(ground, after + permits)
    parameters = {"after": after, "last": after + permits, "providers": list(providers)}
    return ground.database.execute(DUE, parameters).rowcount


def drop_due(ground: Ground) -> None:
    """Drop the rest of a backlog, for the next measure."""
    ground.database.execute(NOT_DUE)
    ground.settle()
