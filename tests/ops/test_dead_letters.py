"""`permit-hub dead-letters` list, show, retry and discard, after PayByPhone has refused shares for good."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from integrations.sandbox.misbehaviour import Kind
from tests.support.city import ADDRESS, UNKNOWN_PROFILE, UNKNOWN_ZONE, City, Resident, plate
from tests.support.waiting import eventually

PROVIDER = "paybyphone"
ELIGIBILITIES = "/eligibilities/"
PARIS = ZoneInfo("Europe/Paris")


pytestmark = pytest.mark.in_order  # a retry and a discarding change what is listed before


@pytest.fixture(scope="module")
def dead(city: City) -> Iterator[list[Resident]]:
    """Have PayByPhone refuse two permits for their zone, and one for its profile; return the residents."""
    found = [city.resident(zone=UNKNOWN_ZONE) for _ in range(2)]
    found.append(city.resident(profile=UNKNOWN_PROFILE))
    for resident in found:
        refused(city, resident)
    yield found
    for resident in found:
        city.refuse(resident)


def refused(city: City, resident: Resident) -> None:
    city.allow(resident, PROVIDER)
    eventually(lambda: city.state(resident, PROVIDER), "its refusal", equals="refused")
    eventually(lambda: city.confirmed(resident, PROVIDER), "its removal")


def listed(city: City, *choice: object) -> set[tuple[str, str]]:
    found = city.tells("dead-letters", "list", *choice)["dead_letters"]
    assert all(letter["provider"] == PROVIDER for letter in found)
    return {(letter["permit_id"], letter["code"]) for letter in found}


def put(city: City, resident: Resident, after: int = 0) -> list[str]:
    """Return the plates that PayByPhone was sent for a resident's permit, among those that the resident has had."""
    sent = [request for request in city.control.requests(PROVIDER, after=after) if request.method == "PUT"]
    return [one for request in sent for one in resident.permits.values() if one.replace("-", "") in request.body]


def test_dead_letters_are_listed_by_provider_code_and_time(city: City, dead: list[Resident]) -> None:
    by_zone = {(str(resident.permit_id), "zone_unknown") for resident in dead[:2]}
    by_profile = {(str(dead[2].permit_id), "profile_unknown")}
    now = datetime.now(PARIS).replace(tzinfo=None)
    assert listed(city, "--provider", PROVIDER) == by_zone | by_profile
    assert listed(city, "--code", "zone_unknown", "--since", now - timedelta(minutes=5), "--until", now) == by_zone
    assert listed(city, "--until", now - timedelta(minutes=5)) == set()

    printed = city.prints("dead-letters", "list", "--limit", 2)
    assert re.search(rf"{PROVIDER} +zone_unknown +2 ", printed)
    assert all(str(resident.permit_id) in printed for resident in dead[:2])
    assert printed.rstrip().endswith("1 more: see --limit")


def test_a_dead_letter_is_shown_with_its_requests_but_not_their_content(city: City, dead: list[Resident]) -> None:
    resident = dead[0]
    printed = city.prints("dead-letters", "show", resident.permit_id, PROVIDER)
    assert printed.startswith(f"{PROVIDER} refused it: zone_unknown; it holds nothing of this permit\n")
    sent = [re.split(r"  +", line.strip())[1:] for line in printed.splitlines()[-2:]]
    assert sent == [["removal", "1", "confirmed", "–"], ["put", "1", "rejected", "zone_unknown"]]
    assert resident.plate not in printed


def test_a_retry_sends_the_current_truth(city: City, dead: list[Resident]) -> None:
    resident, other = dead[:2]
    own, sent = resident.permit_id, city.latest(PROVIDER)
    changed = Resident(resident.resident_id, {own: plate()})
    city.applied("permit.change_vehicle", resident, permit_id=own, plate={"raw": changed.plate})
    eventually(lambda: put(city, changed) and city.state(changed, PROVIDER) == "refused", "its refusal once more")
    tried = len(put(city, changed))

    assert city.tells("dead-letters", "retry", "--permit", own) == {"dead_letters": 1}
    eventually(lambda: len(put(city, changed)) > tried, "PayByPhone to be sent the plate of today")
    assert put(city, resident, after=sent) == put(city, other, after=sent) == []
    eventually(lambda: city.state(changed, PROVIDER), "its refusal yet again", equals="refused")


def test_a_change_by_the_resident_ends_a_dead_letter(city: City) -> None:
    resident = city.resident(zone=UNKNOWN_ZONE)
    refused(city, resident)
    city.applied("permit.change_address", resident, permit_id=resident.permit_id, address=ADDRESS, zones=["14A"])
    eventually(lambda: resident.plate in city.plates(PROVIDER), "PayByPhone to hold it")
    assert listed(city, "--permit", resident.permit_id) == set()


def test_a_discarded_dead_letter_leaves_the_list_and_nothing_is_sent(city: City, dead: list[Resident]) -> None:
    sent = city.latest(PROVIDER)
    assert city.prints("dead-letters", "discard", "--code", "profile_unknown") == "1 discarded\n"
    assert {code for _, code in listed(city)} == {"zone_unknown"}
    assert [request.method for request in city.control.requests(PROVIDER, after=sent)] == []


def test_a_dead_letter_that_the_provider_may_still_hold_is_not_discarded(city: City) -> None:
    resident = city.shared(PROVIDER)
    own = ("--permit", resident.permit_id)
    city.control.misbehave(PROVIDER, Kind.DOWN, method="DELETE", path=ELIGIBILITIES)
    city.applied("permit.change_address", resident, permit_id=resident.permit_id, address=ADDRESS, zones=[UNKNOWN_ZONE])
    eventually(lambda: city.tells("dead-letters", "list", *own)["dead_letters"], "its refusal")
    assert city.state(resident, PROVIDER) == "held", "the resident's screen says that nothing is held"
    left = "0 discarded\n1 left: the provider may still hold something of them\n"
    assert city.prints("dead-letters", "discard", *own) == left
    assert re.search(rf"^{resident.permit_id} .* held$", city.prints("dead-letters", "list", *own), re.MULTILINE)
    assert resident.plate in city.plates(PROVIDER)
    city.control.behave(PROVIDER)
    eventually(
        lambda: city.tells("dead-letters", "discard", *own), "its removal", equals={"dead_letters": 1, "left": 0}
    )
    assert resident.plate not in city.plates(PROVIDER)
