"""A street whose permits are in every state that matters to the calendar: their outlook, and what the hub does."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from tests.services.evidence import Evidence
from tests.services.upstream import Upstream, results
from worker.db.clock.outlook import PermitEffect
from worker.domain.outlook import Effect, EffectKind
from worker.hub import Hub
from worker.services.clock.advance import advance
from worker.services.clock.outlook import read_day
from worker.services.clock.retention import purge
from worker.services.reminders.decide import decide

CONTACT = {"name": "Élodie Exemple", "email": "elodie@example.fr", "language": "fr"}
# The ledger of reminders, all that was told, and the ends of active permits' terms that were acted on.
DONE = """
    SELECT occasion || '_reminder', days_ahead, permit_id, day, 0 FROM reminders
    UNION ALL
    SELECT type, NULL, CAST(permit_id AS uuid), NULL, sequence
    FROM events CROSS JOIN jsonb_array_elements_text(data -> 'permit_ids') AS permit_id
    UNION ALL
    SELECT status, NULL, permit_id, last_day, 0 FROM terms JOIN permits USING (permit_id)
    WHERE end_applied AND status = 'active'
"""
TOLD = {
    "permit.lapsed": EffectKind.LAPSE,
    "permit.cancelled": EffectKind.REQUEST,
    "permit.pending_change_cancelled": EffectKind.CHANGE,
    "permit.anonymised": EffectKind.ANONYMISE,
}

Done = tuple[EffectKind, int | None, UUID]


class Street:
    """Residents whose permits are in every state that matters to the calendar."""

    def __init__(self, hub: Hub, upstream: Upstream, evidence: Evidence) -> None:
        self.hub, self.upstream, self.evidence, self.today = hub, upstream, evidence, upstream.today
        self.permits: dict[str, UUID] = {}

    def contact(self, name: str) -> None:
        self.upstream.applied("resident.update_contact", name, **CONTACT)

    def ends_in(self, name: str, days: int, *, reached: bool = True, since: int | None = None, **fields: Any) -> UUID:
        """Take over a permit that ends in so many days, as on an earlier day where one is given."""
        upstream = self.upstream if since is None else Upstream(self.hub, self.today + timedelta(days=since))
        if reached:
            self.contact(name)
        terms = [{"first_day": self.upstream.day(days - 364), "last_day": self.upstream.day(days)}]
        row = self.upstream.row(name, terms=terms) | fields
        assert results(upstream.take_over(row))[0].code is None
        self.permits[name] = UUID(row["permit_id"])
        return self.permits[name]

    def asks(self, name: str, since: int = 0, *, reached: bool = True) -> UUID:
        """Have a permit asked for and not paid, so many days ago."""
        if reached:
            self.contact(name)
        self.permits[name] = Upstream(self.hub, self.today + timedelta(days=since)).request(name)
        return self.permits[name]

    def renews(self, name: str, *, paid: bool = True, since: int = 0) -> None:
        """Have a permit renewed so many days ago."""
        permit_id, upstream = self.permits[name], Upstream(self.hub, self.today + timedelta(days=since))
        upstream.applied("permit.renew", name, permit_id=permit_id, years=1)
        if paid:
            payment = {"payment_reference": f"P-{permit_id}", "amount_cents": 4500}
            self.upstream.applied("permit.confirm_payment", name, permit_id=permit_id, **payment)

    def settle(self) -> None:
        """Fill the street."""
        for days in (-40, -20, -2, -1, 0, 1, 6, 7, 8, 29, 30, 31, 59, 60, 61, 62, 90, 130):
            self.ends_in(f"r-ends-{days}", days, since=min(days, 0))
        for name in ("none", "refused", "erased"):
            self.ends_in(f"r-{name}", 20)
        self.ends_in("r-unreached", 20, reached=False)
        self.upstream.applied("resident.choose_reminders", "r-none", channel="none")
        self.upstream.applied("resident.erase", "r-erased")
        self.evidence.query("UPDATE residents SET email_refused_at = now() WHERE resident_id = 'r-refused' RETURNING 1")
        to_pay = self.hub.tariffs.unpaid_lapses_after_days
        for days, since, paid in (
            (10, 0, True),
            (10, 0, False),
            (-2, 0, True),
            (-1, -9, True),
            (5, -to_pay - 3, False),
        ):
            name = f"r-renews-{days}-{since}-{paid}"
            self.ends_in(name, days, since=min(days, since))
            self.renews(name, paid=paid, since=since)
        for status in ("cancelled_by_resident", "ended"):
            self.ends_in(f"r-{status}", 15, status=status)
        self.twice_over("r-twice-over", -9, -1)
        self.twice_over("r-with-a-gap", 3, 20)
        for since in (-to_pay - 5, -to_pay - 1, -to_pay, 2 - to_pay, 5 - to_pay, 6 - to_pay, 0):
            self.asks(f"r-asks-{since}", since)
        self.asks("r-asks-unreached", reached=False)
        self.asks("r-cancels")
        self.upstream.applied("permit.cancel", "r-cancels", permit_id=self.permits["r-cancels"])
        for days in (-400, -368, -367, -366, -365, -340, -331, -330, -300, -250, -240):
            self.ends_in(f"r-ended-{days}", days)

    def twice_over(self, name: str, first: int, last: int) -> None:
        """Take over a permit with two terms, a gap between them."""
        days = [(first - 300, first), (first + 3, last)]
        terms = [{"first_day": self.upstream.day(one), "last_day": self.upstream.day(other)} for one, other in days]
        self.ends_in(name, last, since=min(first, 0), terms=terms)


def outlook_of_day(
    hub: Hub, day: date, today: date, limit: int | None = None
) -> tuple[Counter[Effect], list[PermitEffect]]:
    """Return the outlook of a day: the counts, and each permit with its action."""
    found = []
    read_day(hub, day, today, lambda counts, each: found.append((counts, list(each))), limit)
    ((counts, concerned),) = found
    return counts, concerned


def doings(
    evidence: Evidence, hub: Hub, day: date, deliver: Callable[[date], object] = lambda day: None
) -> Counter[Done]:
    """Have the hub act on a day, and its providers; return what it has done, and about which permits."""
    before = set(evidence.query(DONE))
    advance(hub, day)
    while decide(hub, day):
        pass
    deliver(day)
    purge(hub, day)
    new = set(evidence.query(DONE)) - before
    done = Counter(
        (EffectKind(what) if ahead is not None else TOLD[what], ahead, permit_id)
        for what, ahead, permit_id, *_ in new
        if what != "active"
    )
    lapsed = {permit_id for doing, _, permit_id in done if doing is EffectKind.LAPSE}
    ended = {permit_id for what, _, permit_id, *_ in new if what == "active"}
    return done + Counter((EffectKind.RENEWAL, None, permit_id) for permit_id in ended - lapsed)


def told_of(concerned: Iterable[PermitEffect]) -> Counter[Done]:
    return Counter((one.effect.kind, one.effect.days_ahead, one.permit_id) for one in concerned)


def counted(done: Counter[Done]) -> Counter[Effect]:
    counts: Counter[Effect] = Counter()
    for (doing, ahead, _), count in done.items():
        counts[Effect(doing, ahead)] += count
    return counts
