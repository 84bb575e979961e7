"""The outlook as the database stands, by the same conditions on which the hub acts."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, Connection, Text, column, text

from integrations.channels.base import Occasion
from worker.db import tables
from worker.db.arrays import recordset
from worker.db.clock.ended import ENDED_TERMS, UNPAID
from worker.db.clock.retention import MAY_BE_HELD
from worker.db.engine import snapshot
from worker.db.reminders import ENDING, PAYABLE, WINDOW, parameters
from worker.domain.outlook import Effect, EffectCount, EffectKind
from worker.domain.reminders import Window
from worker.domain.retention import latest_due

FETCHED = 2_000  # rows at a time

_PATIENCE = text("SET LOCAL statement_timeout = '60s'")  # an operator may wait for it; a task may not
_ROOM = text("SET LOCAL work_mem = '64MB'")
# The hub acts on all past terms of a permit at once: only the first of them counts.
_ENDS = f"""
    SELECT ended.permit_id, CASE WHEN goes_on.permit_id IS NULL THEN 'permit_lapses' ELSE 'renewal_takes_over' END
        AS kind, CAST(NULL AS smallint) AS days_ahead, ended.last_day AS day
    FROM (SELECT t.permit_id, t.last_day FROM {ENDED_TERMS} AND t.last_day >= :since AND p.status = 'active') ended
    LEFT JOIN terms goes_on ON goes_on.permit_id = ended.permit_id
        AND greatest(ended.last_day + 1, :today) BETWEEN goes_on.first_day AND goes_on.last_day
    WHERE NOT EXISTS (
        SELECT FROM terms other WHERE other.permit_id = ended.permit_id AND NOT other.end_applied
            AND other.last_day < :today AND other.last_day < ended.last_day AND ended.last_day < :today)
"""
_LAPSES = f"""
    SELECT p.permit_id, CASE p.status WHEN 'active' THEN 'change_lapses' ELSE 'request_lapses' END,
        CAST(NULL AS smallint), CAST(p.pending ->> 'pay_by' AS date)
    FROM {UNPAID} AND p.pending ->> 'pay_by' >= CAST(CAST(:since AS date) AS text)
        AND p.status IN ('awaiting_payment', 'active')
"""
# Providers remove what lapses from today on; an older permit waits as long as a provider may hold it.
_UNHELD = f"(p.over_on >= CAST(:today AS date) - 1 OR NOT {MAY_BE_HELD})"
_KEPT = "make_interval(months => :months)"
# A pending payment is given up first; only then is a request over.
_ANONYMISED = f"""
    SELECT p.permit_id, 'permit_anonymised', CAST(NULL AS smallint), CAST(p.over_on + {_KEPT} AS date)
    FROM permits p WHERE p.over_on BETWEEN :over_since AND :over_by AND p.pending ->> 'pay_by' IS NULL AND {_UNHELD}
    UNION ALL
    SELECT permit_id, 'permit_anonymised', CAST(NULL AS smallint), day FROM (
        SELECT p.permit_id, CAST(CASE p.status
            WHEN 'active' THEN greatest(p.over_on + {_KEPT}, CAST(p.pending ->> 'pay_by' AS date))
            ELSE greatest(CAST(p.pending ->> 'pay_by' AS date) + 1, :today) + {_KEPT} END AS date) AS day
        FROM {UNPAID} AND (p.status = 'awaiting_payment' OR p.status = 'active' AND {_UNHELD})
    ) unpaid WHERE day >= :since AND day < :by
"""
# A reminder that was decided on, sent or not, rules out all that are as far ahead or farther.
_ENDING = f"""
    SELECT t.permit_id, t.last_day AS day, least(t.decided_ahead, (
        SELECT min(m.days_ahead) FROM reminders m
        WHERE m.permit_id = t.permit_id AND m.occasion = 'expiry' AND m.day = t.last_day AND m.state <> 'dropped'
    )) AS nearest
    FROM terms t {ENDING} AND t.last_day = ANY(:days)
"""
_BEGINNING = f"""
    JOIN {recordset("expiry", "w", WINDOW)}
        ON ending.day BETWEEN w.first AND w.last AND ending.nearest > w.days_ahead
"""
_EXPIRY = f"SELECT permit_id, 'expiry_reminder', w.days_ahead, ending.day FROM ({_ENDING}) ending {_BEGINNING}"
_PAYMENT = f"SELECT permit_id, 'payment_reminder', days_ahead, day FROM ({PAYABLE}) payable"
_KIND = column("kind", Text)
_REMINDERS = tables.reminders
# Terms are counted before they are joined with reminders: a fifth of the rows.
_COUNT = text(f"""
    SELECT kind, days_ahead, day, count(*) AS times
    FROM ({_ENDS} UNION ALL {_LAPSES} UNION ALL {_ANONYMISED} UNION ALL {_PAYMENT}) found
    GROUP BY kind, days_ahead, day
    UNION ALL
    SELECT 'expiry_reminder', w.days_ahead, ending.day, ending.times
    FROM (SELECT day, nearest, count(*) AS times FROM ({_ENDING}) ending GROUP BY day, nearest) ending {_BEGINNING}
""").columns(_KIND, *_REMINDERS.c["days_ahead", "day"], column("times", BigInteger))
_LIST = text(f"""
    SELECT permit_id, kind, days_ahead, day
    FROM ({_ENDS} UNION ALL {_LAPSES} UNION ALL {_ANONYMISED} UNION ALL {_EXPIRY} UNION ALL {_PAYMENT}) found
    ORDER BY array_position(CAST(:kinds AS text[]), kind), days_ahead DESC, day, permit_id LIMIT :limit
""").columns(_REMINDERS.c.permit_id, _KIND, *_REMINDERS.c["days_ahead", "day"])


@dataclass(frozen=True, slots=True)
class PermitEffect:
    """A permit, the effect to come, and the effect's day: a term's last day, a payment's, or retention's."""

    permit_id: UUID
    effect: Effect
    day: date


@dataclass(frozen=True, slots=True)
class OutlookQuery:
    """What to look for: last days from `since` on and before `by`, and reminders' windows.

    Permits that are over are kept for `kept_months`.
    """

    today: date
    since: date
    by: date
    windows: Collection[Window]
    kept_months: int


def begin(db: Connection) -> None:
    """Begin a transaction that is REPEATABLE READ, READ ONLY."""
    snapshot(db)
    db.execute(_PATIENCE)
    db.execute(_ROOM)


def count(db: Connection, query: OutlookQuery) -> list[EffectCount]:
    """Count effects by the last day that they follow."""
    rows = db.execute(_COUNT, _given(query))
    return [EffectCount(Effect(EffectKind(row.kind), row.days_ahead), row.day, row.times) for row in rows]


def each(db: Connection, query: OutlookQuery, limit: int | None) -> Iterator[PermitEffect]:
    """Yield each permit with its effect, in the order of `EffectKind`, without loading all of them."""
    given = _given(query) | {"kinds": [kind.value for kind in EffectKind], "limit": limit}
    for row in db.execute(_LIST, given, execution_options={"yield_per": FETCHED}):
        yield PermitEffect(row.permit_id, Effect(EffectKind(row.kind), row.days_ahead), row.day)


def _given(query: OutlookQuery) -> dict[str, object]:
    expiry = [one for one in query.windows if one.occasion is Occasion.EXPIRY]
    days = {one.first + timedelta(days=after) for one in expiry for after in range((one.last - one.first).days + 1)}
    found = {"today": query.today, "since": query.since, "by": query.by, "days": sorted(days)}
    return found | _over(query) | parameters(query.windows)


def _over(query: OutlookQuery) -> dict[str, object]:
    """Return between which days permits ended whose retention ends in the time asked about."""
    months, from_the_first = query.kept_months, query.since == date.min
    since = date.min if from_the_first else latest_due(query.since, months) + timedelta(days=1)
    return {"months": months, "over_since": since, "over_by": latest_due(query.by, months)}
