"""Weeks of days with renewals, withdrawals, downtimes and doubled clocks: who holds what is right on each of them."""

import asyncio
from datetime import date, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.shared import SharedField
from tests.services.hubs import lane_of
from tests.services.upstream import CITY, Upstream
from worker.services.calendar import advance
from worker.services.drain import Drain

APP = "easypark"
START = date(2026, 10, 12)  # the clocks go back on the 25th
DAYS = 30
RESIDENTS = ("r-one", "r-two", "r-three")
NUMBERS = count(1)

TERM = st.tuples(st.integers(0, 20), st.integers(0, 25))  # days from the start, and how long
DAY = st.tuples(
    st.sampled_from(["", "", "", "allow", "refuse", "renew", "renew", "vehicle"]),
    st.sampled_from(RESIDENTS),
    st.sampled_from([0, 1, 1, 1, 2]),  # how often the clock ticks that day: not at all, as it should, doubled
)


class City:
    """A few residents with a permit each, and what each provider is to hold of them."""

    def __init__(self, hub, twins):
        self.hub, self.twins = hub, {name: twins[name] for name in (APP, CITY)}
        self.permits, self.plates, self.terms = {}, {}, {}
        self.allowed, self.version = dict.fromkeys(RESIDENTS, False), dict.fromkeys(RESIDENTS, 0)

    def take_over(self, terms):
        upstream = Upstream(self.hub, START)
        for resident, (first, length) in zip(RESIDENTS, terms, strict=True):
            first_day = START + timedelta(days=first)
            last_day = first_day + timedelta(days=length)
            row = upstream.row(resident, terms=[{"first_day": str(first_day), "last_day": str(last_day)}])
            upstream.take_over(row)
            self.permits[resident], self.plates[resident] = row["permit_id"], row["plate"]["raw"]
            self.terms[resident] = [(first_day, last_day)]

    def act(self, today, what, resident):
        upstream, permit_id = Upstream(self.hub, today), self.permits[resident]
        if what == "allow":
            upstream.allow(resident, seen=self.version[resident], providers=(APP,))
        elif what == "refuse":
            upstream.refuse(resident, providers=(APP,))
        elif what == "vehicle":
            plate = upstream.plate()
            if upstream.submit("permit.change_vehicle", resident, permit_id=permit_id, plate={"raw": plate}).version:
                self.plates[resident] = plate
        elif what == "renew" and upstream.submit("permit.renew", resident, permit_id=permit_id, years=1).version:
            paid = {"payment_reference": f"P-{next(NUMBERS)}", "amount_cents": 4500}
            upstream.applied("permit.confirm_payment", resident, permit_id=permit_id, **paid)
            last = self.terms[resident][-1][1]
            self.terms[resident].append((max(last + timedelta(days=1), today), date.max))
        if what in ("allow", "refuse"):
            self.allowed[resident] = what == "allow"
            self.version[resident] += 1

    def deliver(self, today):
        for twin in self.twins.values():
            asyncio.run(Drain(lane_of(self.hub, twin), lambda: today).run())

    def wanted(self, today, provider):
        """Return whose plates a provider is to hold: of permits in force or about to be, where consent allows it."""
        return {
            self.plates[resident].replace("-", "")
            for resident in RESIDENTS
            if self.terms[resident][-1][1] >= today and (provider == CITY or self.allowed[resident])
        }

    def held(self, provider):
        return {copy[SharedField.PLATE] for copy in self.twins[provider].held.values()}


@pytest.fixture
def fresh(database, hub, twins):
    """Return a city of nobody: each example of the property begins with an empty database."""

    def fresh():
        with database.connect() as connection, connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            for table in ("residents", "permits", "terms", "plate_assignments", "shares", "jobs", "payments", "events"):
                connection.execute(f"DELETE FROM {table}")
            connection.execute("DELETE FROM consent_decisions")
        for twin in twins.values():
            twin.held.clear()
        return City(hub, twins)

    return fresh


# Not shrunk: an example takes half a second.
@settings(max_examples=12, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(terms=st.tuples(TERM, TERM, TERM), days=st.lists(DAY, min_size=DAYS, max_size=DAYS))
def test_each_provider_holds_each_permit_exactly_while_it_is_in_force_and_consented(fresh, terms, days):
    city = fresh()
    city.take_over(terms)
    for number, (what, resident, ticks) in enumerate(days):
        today = START + timedelta(days=number)
        for _ in range(ticks):
            advance(city.hub, today)
        city.act(today, what, resident)
        city.deliver(today)
        if ticks:
            for provider in city.twins:
                assert city.held(provider) == city.wanted(today, provider), (str(today), provider)
