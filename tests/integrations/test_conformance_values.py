"""What every provider does with a permit's values: it holds them as they are, or its refusal comes in our words."""

from collections.abc import Mapping, Set
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations import registry
from integrations.errors import FailureCode, RejectedError
from schemas.shared import SharedField, SharedPermit, Validity
from tests.integrations.conftest import Run
from tests.integrations.engine import Hub
from tests.integrations.subjects import Remote, expected

CLOCK_CHANGES = [
    date(1911, 3, 11),
    date(1940, 6, 14),
    date(1944, 10, 8),
    date(1976, 9, 26),
    date(2024, 3, 31),
    date(2024, 10, 27),
]


NINE = tuple(f"7500{number}" for number in range(9))


class Wrong(NamedTuple):
    """A value that providers refuse, the code that says so, and which of them have no such rule, or another code."""

    field: SharedField
    value: object
    code: FailureCode
    not_by: Set[str] = frozenset()
    differs: Mapping[str, FailureCode] = MappingProxyType({})


P, C, Z, R, V = SharedField
CITY = frozenset({"city_hub"})  # an open-source server, which takes nearly everything
NO_BOUNDS = CITY | {"indigo_neo"}
REFUSED = {
    "plate in lower case": Wrong(P, "qj817xk", FailureCode.PLATE_REFUSED, CITY),
    "plate with dashes": Wrong(P, "QJ-817-XK", FailureCode.PLATE_REFUSED, CITY),
    "long plate": Wrong(P, "Q" * 21, FailureCode.PLATE_REFUSED),
    "very long plate": Wrong(P, "Q" * 300, FailureCode.PLATE_REFUSED),
    "country in lower case": Wrong(C, "fr", FailureCode.COUNTRY_REFUSED),
    "zone with a space": Wrong(Z, ("75014 A",), FailureCode.ZONE_UNKNOWN),
    "zone with a colon": Wrong(Z, ("75014_A", "14:A"), FailureCode.ZONE_UNKNOWN),
    "long zone": Wrong(Z, ("eleven_long",), FailureCode.ZONE_UNKNOWN),
    "a zone twice": Wrong(Z, ("75014_A", "75014_A"), FailureCode.ZONE_UNKNOWN, CITY),
    "nine zones": Wrong(Z, NINE, FailureCode.REQUEST_REFUSED, CITY, {"indigo_neo": FailureCode.ZONE_UNKNOWN}),
    "profile in upper case": Wrong(R, "Resident", FailureCode.PROFILE_UNKNOWN),
    "end before start": Wrong(V, Validity(date(2024, 9, 17), date(2024, 9, 15)), FailureCode.VALIDITY_REFUSED, CITY),
    "start long ago": Wrong(V, Validity(date(1899, 1, 1), date(2024, 9, 15)), FailureCode.VALIDITY_REFUSED, NO_BOUNDS),
    "end far away": Wrong(V, Validity(date(2024, 9, 17), date(2201, 1, 1)), FailureCode.VALIDITY_REFUSED, NO_BOUNDS),
}
STATUS = {"flowbird": {200, 422}}  # of a row, or of the whole batch

remote = pytest.mark.parametrize("provider", registry.ADAPTERS)


@st.composite
def permits(draw: st.DrawFn) -> SharedPermit:
    days = sorted(draw(st.tuples(*[st.dates(date(1900, 1, 1), date(2200, 12, 31))] * 2)))
    return SharedPermit(
        reference=draw(st.uuids(version=4)),
        plate=draw(st.text("ABCXYZ0189ÄØЖЩΩאبกあ京٣", min_size=1, max_size=20)),
        country=draw(st.text("AFZ", min_size=2, max_size=2) | st.just("GB")),
        zones=tuple(draw(st.lists(st.text("aZ0_-", min_size=1, max_size=10), min_size=1, max_size=8, unique=True))),
        profile=draw(st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True)),
        validity=Validity(*days),
    )


@remote
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True, deadline=None)
@given(together=st.lists(permits(), min_size=1, max_size=3, unique_by=lambda permit: permit.reference))
def test_whatever_is_put_is_held_and_listed_as_it_was(
    subject: Remote, hub: Hub, run: Run, together: list[SharedPermit]
) -> None:
    for reference in subject.held():
        subject.control.drop(subject.name, reference)
    _put_all(hub, run, together)

    wanted = {permit.reference: expected(subject, permit) for permit in together}
    assert subject.held() == wanted
    if subject.adapter.capabilities.lists:
        copies, _ = run(hub.list_all())
        assert {copy.reference: copy for copy in copies} == wanted


@remote
def test_a_day_on_which_the_clock_changes_is_that_day(
    subject: Remote, hub: Hub, run: Run, permit: SharedPermit
) -> None:
    for day in CLOCK_CHANGES:
        wanted = replace(permit, validity=Validity(day, day))
        run(hub.put(wanted))

        assert subject.held() == {permit.reference: expected(subject, wanted)}
        if subject.adapter.capabilities.lists:
            assert run(hub.list_all()) == ([expected(subject, wanted)], 0)


@pytest.mark.parametrize(
    ("provider", "wrong"),
    [
        (provider, case)
        for provider in registry.ADAPTERS
        for case, wrong in REFUSED.items()
        if wrong.field in registry.capabilities(provider).fields and provider not in wrong.not_by
    ],
)
def test_what_a_provider_refuses_comes_back_in_our_words(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run, wrong: str
) -> None:
    subject.in_contract = False
    field, value, code, _, differs = REFUSED[wrong]
    given: dict[str, Any] = {field.value: value}
    refused = replace(permit, **given)

    with pytest.raises(RejectedError) as first:
        run(hub.put(refused))
    assert subject.held() == {}
    run(hub.put(permit))
    with pytest.raises(RejectedError) as later:
        run(hub.put(refused))

    assert subject.held() == {permit.reference: expected(subject, permit)}
    for error in (first.value, later.value):
        assert error.code == differs.get(subject.name, code)
        assert error.status in STATUS.get(subject.name, {400})
        assert str(value) not in repr(error)


def _put_all(hub: Hub, run: Run, permits: list[SharedPermit]) -> None:
    changes = [hub.change(permit.reference, permit) for permit in permits]
    if hub.adapter.capabilities.batch > 1:
        assert run(hub.send_all(changes)) == [None] * len(changes)
        return
    for change in changes:
        run(hub.carry_out(change))
