"""What waits longer than it should: how much of each kind, and since when.

Each kind is the head of an index, so a look costs the same however much the hub holds. Counts are bounded.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, Connection, Double, Text, column, text

from worker.domain.retention import latest_due

MOST = 10_000  # counted of a kind, for each provider and urgency

_DAY = timedelta(days=1)


class Kind(StrEnum):
    """A kind of work that can be stuck."""

    CONSENT = "consent_changes"  # urgency 0: a provider may still hold withdrawn data
    SHARES = "shares"
    HELD_BACK = "shares_held_back"  # their lane is paused, lacks a setting, or is not part of this installation
    DEAD_LETTERS = "dead_letters"
    RESIDENTS = "residents_unpublished"
    PROVIDER_EVENTS = "provider_events_unpublished"
    TERMS = "ends_not_applied"
    UNPAID = "unpaid_not_given_up"
    REQUESTS = "requests_not_decided"
    PERMITS = "permits_not_anonymised"
    RECONCILIATIONS = "reconciliations"
    REMINDERS = "reminders"


PATIENCE = {
    Kind.CONSENT: timedelta(minutes=5),
    Kind.SHARES: timedelta(hours=1),
    Kind.HELD_BACK: timedelta(hours=1),
    Kind.DEAD_LETTERS: _DAY,
    Kind.RESIDENTS: timedelta(minutes=1),
    Kind.PROVIDER_EVENTS: timedelta(minutes=1),
    Kind.TERMS: _DAY,
    Kind.UNPAID: _DAY,
    Kind.REQUESTS: 30 * _DAY,  # it is never given up or anonymised by the hub
    Kind.PERMITS: _DAY,
    Kind.RECONCILIATIONS: _DAY,
    Kind.REMINDERS: _DAY,
}
"""How long each kind may wait."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """How much of a kind waits too long, at one provider if any; `more`: counting stopped at `MOST`."""

    kind: Kind
    provider: str | None
    count: int
    more: bool
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class StuckQuery:
    """What a look depends on: this installation's providers, the civil day, and how long permits are kept."""

    providers: Collection[str]
    today: date
    zone: str
    permits_kept_months: int


# A failed attempt moves `due_at`, so a share waits since its first failure. Providers are found by leaps in the
# index: also those that are no longer in the settings.
_LEAP = "(SELECT provider FROM shares WHERE {} ORDER BY provider LIMIT 1)"
_NAMES = """
    WITH RECURSIVE names (provider) AS (
        SELECT {first} UNION ALL SELECT {next} FROM names WHERE names.provider IS NOT NULL
    )
"""


def _names(condition: str) -> str:
    following = _LEAP.format(f"{condition} AND shares.provider > names.provider")
    return _NAMES.format(first=_LEAP.format(condition), next=following)


_SHARES = f"""
    {_names("confirmed_version < wanted_version")}
    SELECT kind, provider, count(*), min(since) FROM (
        SELECT provider, since, CASE
            WHEN urgency = 0 THEN '{Kind.CONSENT}'
            WHEN provider = ANY(:providers) AND p.paused_at IS NULL AND p.unconfigured IS NULL THEN '{Kind.SHARES}'
            ELSE '{Kind.HELD_BACK}' END AS kind
        FROM names CROSS JOIN generate_series(0, 2) AS u (urgency) CROSS JOIN LATERAL (
            SELECT least(s.due_at, s.failing_since) AS since FROM shares s
            WHERE s.provider = names.provider AND s.urgency = u.urgency AND s.confirmed_version < s.wanted_version
            ORDER BY s.due_at LIMIT :most
        ) waiting LEFT JOIN providers p USING (provider)
        WHERE since < now() - CASE WHEN urgency = 0 THEN CAST(:consent_changes AS interval) ELSE :shares END
    ) late GROUP BY kind, provider
"""
_DEAD_LETTERS = f"""
    {_names("parked IS NOT NULL")}
    SELECT '{Kind.DEAD_LETTERS}', provider, count(*), min(since) FROM names CROSS JOIN LATERAL (
        SELECT coalesce(s.failing_since, s.failed_at) AS since FROM shares s
        WHERE s.provider = names.provider AND s.parked IS NOT NULL LIMIT :most
    ) parked WHERE since < now() - CAST(:dead_letters AS interval) GROUP BY provider
"""
# A resident waits since the first event that may be unpublished.
_RESIDENTS = f"""
    SELECT '{Kind.RESIDENTS}', NULL, count(*), min(e.recorded_at) FROM (
        SELECT resident_id, published_version FROM residents WHERE published_version < version
        ORDER BY resident_id LIMIT :most
    ) r JOIN LATERAL (
        SELECT recorded_at FROM events
        WHERE events.resident_id = r.resident_id AND sequence > r.published_version ORDER BY sequence LIMIT 1
    ) e ON e.recorded_at < now() - CAST(:residents_unpublished AS interval)
"""
_PROVIDER_EVENTS = f"""
    SELECT '{Kind.PROVIDER_EVENTS}', provider, count(*), min(recorded_at) FROM (
        SELECT provider, recorded_at FROM provider_events WHERE NOT published ORDER BY provider, sequence LIMIT :most
    ) e WHERE recorded_at < now() - CAST(:provider_events_unpublished AS interval) GROUP BY provider
"""
_DAYS = """
    SELECT '{kind}', NULL, count(*), CAST(CAST(min(day) AS date) + {counts} AS timestamp) AT TIME ZONE :zone FROM (
        SELECT {day} AS day FROM {late} ORDER BY {day} LIMIT :most
    ) late
"""
_TERMS = _DAYS.format(
    kind=Kind.TERMS, day="last_day", late="terms WHERE NOT end_applied AND last_day < :yesterday", counts="1"
)
_UNPAID = _DAYS.format(
    kind=Kind.UNPAID,
    day="pending ->> 'pay_by'",
    late="""permits WHERE pending ->> 'pay_by' IS NOT NULL
        AND pending ->> 'pay_by' < CAST(CAST(:yesterday AS date) AS text)""",
    counts="1",
)
_REQUESTS = _DAYS.format(
    kind=Kind.REQUESTS,
    day="pending -> 'review' ->> 'since'",
    late="""permits WHERE pending -> 'review' ->> 'since' IS NOT NULL
        AND pending -> 'review' ->> 'since' < CAST(CAST(:undecided_since AS date) AS text)""",
    counts="0",
)
_PERMITS = _DAYS.format(
    kind=Kind.PERMITS,
    day="over_on",
    late="permits WHERE over_on <= :over_by",
    counts="make_interval(months => :months, days => 1)",
)
_RECONCILIATIONS = f"""
    SELECT '{Kind.RECONCILIATIONS}', provider, count(*), min(requested_at) FROM reconciliations
    WHERE finished_at IS NULL AND requested_at < now() - CAST(:reconciliations AS interval) GROUP BY provider
"""
# A failed attempt moves `due_at` here, too.
_REMINDERS = f"""
    SELECT '{Kind.REMINDERS}', NULL, count(*), min(decided_at) FROM (
        SELECT decided_at FROM reminders WHERE state = 'due' ORDER BY due_at LIMIT :most
    ) due WHERE decided_at < now() - CAST(:reminders AS interval)
"""
_FOUND = (
    *(column("kind", Text), column("provider", Text)),
    *(column("count", BigInteger), column("oldest_seconds", Double)),
)
_ALL = tuple(
    text(f"""
        SELECT kind, provider, count, CAST(extract(epoch FROM now() - since) AS float) AS oldest_seconds
        FROM ({looked}) AS found (kind, provider, count, since) WHERE count > 0 ORDER BY kind, provider
    """).columns(*_FOUND)
    for looked in (
        *(_SHARES, _DEAD_LETTERS, _RESIDENTS, _PROVIDER_EVENTS),
        *(_TERMS, _UNPAID, _REQUESTS, _PERMITS, _RECONCILIATIONS, _REMINDERS),
    )
)


def find(db: Connection, query: StuckQuery) -> list[Stuck]:
    """Return what waits too long, in the order of `Kind`; locks and writes nothing."""
    given: dict[str, object] = {
        "providers": list(query.providers),
        "most": MOST,
        "zone": query.zone,
        "yesterday": query.today - _DAY,
        "undecided_since": query.today - PATIENCE[Kind.REQUESTS],
        "over_by": latest_due(query.today - _DAY, query.permits_kept_months),
        "months": query.permits_kept_months,
        **{kind.value: patience for kind, patience in PATIENCE.items()},
    }
    found = [
        Stuck(Kind(kind), provider, count, more=count >= MOST, oldest_seconds=seconds)
        for look in _ALL
        for kind, provider, count, seconds in db.execute(look, given)
    ]
    return sorted(found, key=lambda one: list(Kind).index(one.kind))
