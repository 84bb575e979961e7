"""One plate, one permit at a time, also for requests at the same moment."""

import json
from functools import partial
from uuid import uuid4

import pytest

from integrations.memory import InMemory
from schemas.history import History
from schemas.receipts import Outcome, RefusalCode
from schemas.shared import SharedField
from tests.services.concurrency import at_once
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.in_redis import read_document
from tests.services.upstream import ANNE, BOB, UNVERIFIED, Upstream, results
from worker.domain.plates import Plate, plate_key
from worker.hub import Hub
from worker.services.publishing.history import put_history

PLATE = {"raw": "EF-367-QS"}
ROUNDS = 4


def test_two_requests_for_one_plate_at_once_give_it_to_one(upstream: Upstream) -> None:
    for _ in range(ROUNDS):
        plate = {"raw": upstream.plate()}
        wishes = {name: upstream.wish(uuid4()) | {"plate": plate} for name in (ANNE, BOB)}
        receipts = at_once(*(partial(upstream.submit, "permit.request", name, **wish) for name, wish in wishes.items()))
        assert sorted((receipt.outcome, receipt.code, receipt.field) for receipt in receipts) == [
            ("applied", None, None),
            ("refused", RefusalCode.PLATE_IN_USE, "plate"),
        ]


def test_two_permits_swapping_plates_at_once_do_not_deadlock(upstream: Upstream) -> None:
    change = partial(upstream.submit, "permit.change_vehicle")
    for _ in range(ROUNDS):
        plates = {ANNE: {"raw": upstream.plate()}, BOB: {"raw": upstream.plate()}}
        permits = {name: upstream.active(name, plate=plate) for name, plate in plates.items()}
        receipts = at_once(
            partial(change, ANNE, permit_id=permits[ANNE], plate=plates[BOB]),
            partial(change, BOB, permit_id=permits[BOB], plate=plates[ANNE]),
        )
        assert {receipt.outcome for receipt in receipts} <= {Outcome.APPLIED, Outcome.REFUSED}
        assert all(receipt.code in (None, RefusalCode.PLATE_IN_USE) for receipt in receipts)


def test_two_imports_of_the_same_rows_in_opposite_order_apply_each_once(upstream: Upstream, evidence: Evidence) -> None:
    rows = [upstream.row(f"r-{number}") for number in range(40)]
    receipts = at_once(lambda: upstream.take_over(*rows), lambda: upstream.take_over(*reversed(rows)))
    rows_done = [row for receipt in receipts for row in results(receipt)]
    assert sorted(row.outcome for row in rows_done) == ["applied"] * 40 + ["refused"] * 40
    assert evidence.value("SELECT count(*) FROM permits") == 40


def test_a_plate_is_the_same_in_every_spelling(upstream: Upstream) -> None:
    upstream.active(plate=PLATE)
    for spelling in ("ef367qs", "EF 367 QS", "ＥＦ－３６７－ＱＳ"):
        wish = upstream.wish(uuid4()) | {"plate": {"raw": spelling}}
        assert upstream.submit("permit.request", BOB, **wish).code is RefusalCode.PLATE_IN_USE
    upstream.active(BOB, plate=PLATE | {"country": "BE"})


ALIKE = [
    (
        {"raw": "B-NO 1234", "country": "DE"},
        ["b no1234", "B NO 1234", "B-NO-1234", "Ｂ–ＮＯ　１２３４", "B\u200b-NO 1234"],
    ),
    ({"raw": "AA 1234 BB", "country": "UA"}, ["АА 1234 ВВ", "аа1234вв", "ΑΑ·1234·ΒΒ"]),
    ({"raw": "77781-ب-9", "country": "MA"}, ["٧٧٧٨١-ب-٩", "۷۷۷۸۱●ب●۹", "77781|\u200fﺑ\u200f|9"]),
    ({"raw": "EF-367-QS"}, ["EF\u2066-367\u00ad-QS\ufe0f", "ef*367*qs", "\tEF 367 QS\r\n", "𝐄𝐅-𝟑𝟔𝟕-𝐐𝐒"]),
    ({"raw": "AB12 CDE", "country": "GB"}, ["AB1 2CDE", "a-b-1-2-c-d-e"]),
]


@pytest.mark.parametrize(("known", "spellings"), ALIKE, ids=["DE", "UA", "MA", "FR", "GB"])
def test_every_spelling_of_a_reserved_plate_is_in_use(
    upstream: Upstream, known: dict[str, str], spellings: list[str]
) -> None:
    upstream.active(plate=known)
    for spelling in spellings:
        wish = upstream.wish(uuid4()) | {"plate": known | {"raw": spelling}}
        receipt = upstream.submit("permit.request", BOB, **wish)
        assert (receipt.code, receipt.field) == (RefusalCode.PLATE_IN_USE, "plate")


@pytest.mark.parametrize(
    ("country", "one", "other", "undivided"),
    [("DE", "B-NO 1234", "BN-O 1234", "BNO1234"), ("AT", "W UAB 1", "WU AB 1", "WUAB1")],
)
def test_a_plate_without_a_division_conflicts_with_either_divided_one(
    upstream: Upstream, country: str, one: str, other: str, undivided: str
) -> None:
    def ask(raw: str) -> RefusalCode | None:
        wish = upstream.wish(uuid4()) | {"plate": {"raw": raw, "country": country}}
        return upstream.submit("permit.request", BOB, **wish).code

    first = upstream.active(plate={"raw": one, "country": country})
    assert ask(undivided) is RefusalCode.PLATE_IN_USE
    assert ask(other) is None
    assert ask(other) is RefusalCode.PLATE_IN_USE
    upstream.applied("permit.change_vehicle", permit_id=first, plate={"raw": upstream.plate()})
    assert ask(one) is None


def test_correcting_a_plates_division_frees_the_other_divided_plate(upstream: Upstream) -> None:
    first = upstream.active(plate={"raw": "BNO1234", "country": "DE"})
    wish = upstream.wish(uuid4()) | {"plate": {"raw": "BN-O 1234", "country": "DE"}}
    assert upstream.submit("permit.request", BOB, **wish).code is RefusalCode.PLATE_IN_USE
    upstream.applied("permit.change_vehicle", permit_id=first, plate={"raw": "B-NO 1234", "country": "DE"})
    assert upstream.submit("permit.request", BOB, **wish | {"permit_id": uuid4()}).outcome is Outcome.APPLIED


@pytest.mark.parametrize(("one", "other"), [("GB", "UK"), ("GR", "EL"), ("DE", "D"), ("FR", "RE"), ("XK", "RKS")])
def test_a_country_is_the_same_in_every_spelling(upstream: Upstream, one: str, other: str) -> None:
    upstream.active(plate=PLATE | {"country": other})
    wish = upstream.wish(uuid4()) | {"plate": PLATE | {"country": one}}
    assert upstream.submit("permit.request", BOB, **wish).code is RefusalCode.PLATE_IN_USE


def test_an_import_accepts_divided_plates_and_refuses_an_ambiguous_one(upstream: Upstream) -> None:
    rows = [upstream.row(BOB, plate={"raw": raw, "country": "D"}) for raw in ("B-NO 1234", "BN-O 1234", "BNO 1234")]
    assert [row.code for row in results(upstream.take_over(*rows))] == [None, None, RefusalCode.PLATE_IN_USE]


def test_space_history_and_export_show_a_plate_in_its_usual_form(
    upstream: Upstream, evidence: Evidence, hub: Hub
) -> None:
    permit_id = upstream.active(plate={"raw": "\u200eef●367●qs"})
    assert evidence.card(ANNE, permit_id).plate == "EF-367-QS"
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "1234ab2a"})
    assert evidence.card(ANNE, permit_id).plate == "1234 AB 2A"
    put_history(hub, ANNE, task_id := uuid4(), upstream.today)
    history = History.model_validate_json(read_document(hub, f"history:{task_id}"))
    assert [one.plate for one in history.permits[0].plates] == ["EF-367-QS", "1234 AB 2A"]
    receipt = upstream.applied("resident.export")
    export = json.loads(read_document(hub, f"export:{receipt.job_id}"))
    assert [(one["typed"], one["plate"]) for one in export["permits"][0]["plates"]] == [
        ("\u200eef●367●qs", "EF-367-QS"),
        ("1234ab2a", "1234 AB 2A"),
    ]


def test_a_provider_gets_only_a_plates_letters_and_digits(
    upstream: Upstream, deliver: Deliver, twins: dict[str, InMemory]
) -> None:
    upstream.allow()
    upstream.active(plate={"raw": "Б-٧٧ В●ö", "country": "RU"})
    upstream.active(plate={"raw": "B-NO 1234", "country": "D"})
    deliver()
    for twin in twins.values():
        assert {held[SharedField.PLATE] for held in twin.held.values()} == {"Б77BÖ", "BNO1234"}


def test_the_first_approved_request_is_not_refused_after_paying(upstream: Upstream) -> None:
    waiting = upstream.request(plate=PLATE)
    late = upstream.request(BOB, plate=PLATE, verified=UNVERIFIED)
    approved = upstream.submit("permit.decide", BOB, permit_id=late, decision="approve")
    assert approved.code is RefusalCode.PLATE_IN_USE
    upstream.applied("permit.confirm_payment", permit_id=waiting, payment_reference="PAY-1", amount_cents=4500)


def test_a_renewal_keeps_its_plate_while_it_waits_for_the_payment(upstream: Upstream) -> None:
    permit_id = upstream.lapsed(plate=PLATE)
    upstream.applied("permit.renew", permit_id=permit_id, years=1)
    wish = upstream.wish(uuid4()) | {"plate": PLATE}
    assert upstream.submit("permit.request", BOB, **wish).code is RefusalCode.PLATE_IN_USE
    upstream.applied("permit.confirm_payment", permit_id=permit_id, payment_reference="PAY-1", amount_cents=4500)
    assert upstream.submit("permit.request", BOB, **wish | {"permit_id": uuid4()}).code is RefusalCode.PLATE_IN_USE


@pytest.mark.parametrize("end", ["cancel", "reject", "erase"])
def test_an_ended_permit_frees_its_plate(upstream: Upstream, end: str) -> None:
    permit_id = upstream.request(plate=PLATE, verified=UNVERIFIED)
    if end == "cancel":
        upstream.applied("permit.decide", permit_id=permit_id, decision="approve")
        upstream.applied("permit.cancel", permit_id=permit_id)
    elif end == "reject":
        upstream.applied("permit.decide", permit_id=permit_id, decision="reject", reason="non")
    else:
        upstream.applied("permit.decide", permit_id=permit_id, decision="approve")
        upstream.applied("resident.erase")
    upstream.active(BOB, plate=PLATE)


def test_a_plates_key_tells_nothing_without_the_secret(upstream: Upstream, evidence: Evidence, hub: Hub) -> None:
    upstream.active(plate=PLATE)
    (key, *stored) = evidence.query("SELECT plate_key, raw, normalised, country FROM plate_assignments")[0]
    plate = Plate(*stored)
    assert key == plate_key(plate, hub.keys.current) != plate_key(plate, b"another secret than this one")
    assert evidence.value("SELECT upper(during) > now() + interval '300 days' FROM plate_assignments")
