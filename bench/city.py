"""A city of many permits, written straight into the tables: their terms end evenly over two years."""

from bench.ground import Ground

SPREAD_DAYS = 730
SEED = (
    """
    INSERT INTO residents (resident_id, version, published_version, name, email, language)
    SELECT 'city-' || n, 1, 1, 'Élodie Exemple', 'resident-' || n || '@example.org', 'fr'
    FROM generate_series(%(known)s::int + 1, %(permits)s::int) n
    """,
    """
    INSERT INTO permits (permit_id, resident_id, status, requested_on, profile, ban_id, address, zones)
    SELECT md5('city-' || n)::uuid, 'city-' || n, 'active', %(today)s,
        'standard', '75114_1834_00010', '10 rue de l''Exemple, 75014 Paris', '{14A,14B}'
    FROM generate_series(%(known)s::int + 1, %(permits)s::int) n
    """,
    """
    INSERT INTO terms (permit_id, first_day, last_day)
    SELECT md5('city-' || n)::uuid, day - 364, day
    FROM generate_series(%(known)s::int + 1, %(permits)s::int) n,
        LATERAL (SELECT %(today)s::date + 1 + n %% %(spread)s::int AS day) ends
    """,
    """
    INSERT INTO plate_assignments (permit_id, raw, normalised, country, plate_key, during)
    SELECT md5('city-' || n)::uuid, 'QC-' || n, 'QC' || n, 'FR',
        gen_random_uuid(), tstzrange(now(), now() + make_interval(days => 1 + n %% %(spread)s::int))
    FROM generate_series(%(known)s::int + 1, %(permits)s::int) n
    """,
    "ANALYZE",
)
# Each provider holds a permit whose term ended yesterday, and the end is not yet applied.
END = """
    WITH ended AS (
        UPDATE terms SET first_day = %(today)s::date - 365, last_day = %(today)s::date - 1, end_applied = false
        WHERE permit_id IN (
            SELECT permit_id FROM permits WHERE resident_id LIKE 'city-%%' ORDER BY permit_id DESC LIMIT %(ends)s)
        RETURNING permit_id
    )
    INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, confirmed_hash, holds, confirmed_at,
        urgency, due_at, claimed_version, failures)
    SELECT permit_id, provider, 1, 1, '\\x01', true, now(), 2, now(), 1, 0
    FROM ended, unnest(%(providers)s::text[]) provider
    ON CONFLICT DO NOTHING
"""
# The city's own hub holds every permit.
HELD = """
    INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, confirmed_hash, holds, confirmed_at,
        urgency, due_at, claimed_version, failures)
    SELECT md5('city-' || n)::uuid, %(provider)s, 1, 1, '\\x01', true, now(), 2, now(), 1, 0
    FROM generate_series(1, %(permits)s::int) n
    ON CONFLICT DO NOTHING
"""


def fill_city(ground: Ground, permits: int) -> None:
    """Write residents with one permit each until there are that many; their terms end from tomorrow on."""
    known = ground.scalar("SELECT count(*) FROM residents WHERE resident_id LIKE 'city-%'")
    parameters = {"known": known, "permits": permits, "today": ground.today, "spread": SPREAD_DAYS}
    for statement in SEED:
        ground.database.execute(statement, parameters if "%" in statement else None)


def hold_city(ground: Ground, permits: int, provider: str) -> None:
    """Have a provider hold these permits, as far as the tables say."""
    ground.database.execute(HELD, {"permits": permits, "provider": provider})


def end_terms(ground: Ground, ends: int, providers: list[str]) -> None:
    """Make that many terms end yesterday, of permits that these providers hold."""
    ground.database.execute(END, {"today": ground.today, "ends": ends, "providers": providers})


def apply_remaining_ends(ground: Ground) -> None:
    """Mark the remaining ends as applied, for the next measure."""
    ground.database.execute(
        "UPDATE terms SET end_applied = true WHERE NOT end_applied AND last_day < %s", [ground.today]
    )
    ground.settle()
