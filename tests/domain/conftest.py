"""The shipped tariffs, and permits to start from."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings

from worker.domain import tariffs as tariff_rules
from worker.domain.permit import Address, Permit, Status, Term
from worker.domain.plates import parse
from worker.domain.tariffs import Tariffs
from worker.settings import DEFAULT_TARIFFS

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # a slow machine is not a failure


@pytest.fixture(scope="session")
def tariffs() -> Tariffs:
    return tariff_rules.load(DEFAULT_TARIFFS)


@pytest.fixture(scope="session")
def make_permit() -> Callable[..., Permit]:
    """Make a permit that is active from 16/09/2024 to 16/09/2025, except for the values given."""
    permit = Permit(
        permit_id=UUID(int=1),
        resident_id="resident-1",
        status=Status.ACTIVE,
        requested_on=date(2024, 9, 16),
        profile="standard",
        plate=parse("EF-367-QS", "FR"),
        address=Address("75114_1834_00010", "10 rue Example, 75014 Paris"),
        zones=("14A", "14B"),
        terms=(Term(date(2024, 9, 16), date(2025, 9, 16)),),
    )

    def make(**changes: object) -> Permit:
        return replace(permit, **changes)  # type: ignore[arg-type]

    return make
